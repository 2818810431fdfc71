import { databaseUrl, durationOrNone, url } from "./SettingKinds.ts"

/** What only gateways have that share a database. */
export const databaseSettings = {
  databaseUrl: databaseUrl(
    "AVIARY_DATABASE_URL",
    undefined,
    "A PostgreSQL, 14 or newer, that several gateways share: ledger, restarts, engine states. Unset: SQLite in the data directory.",
  ),
  databaseWait: durationOrNone(
    "AVIARY_DATABASE_WAIT",
    "0 seconds",
    "How long a start waits for a database that does not answer yet. None: it ends at once, and says so.",
  ),
  peerUrl: url(
    "AVIARY_PEER_URL",
    undefined,
    "Where the other gateways on the same database reach this one. Unset: the address that it listens on, or the first of this machine.",
  ),
}
