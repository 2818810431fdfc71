import { bytes, durationFrom, oneOf, text } from "./SettingKinds.ts"

/** The settings of the cache: a part of the table in `Settings.ts`, which is as long as a file may be. */
export const cacheTable = {
  cacheDir: text(
    "AVIARY_CACHE_DIR",
    undefined,
    "Cache directory; several gateways may share one. Unset: `cache` in the data directory.",
  ),
  cacheShared: oneOf("all", "account")(
    "AVIARY_CACHE_SHARED",
    undefined,
    "Whom a speech in the cache is for: every account, or the one alone that had it made. Unset: `account` with AVIARY_ACCESS=keys, otherwise `all`.",
  ),
  cacheMaxBytes: bytes("AVIARY_CACHE_MAX_BYTES", "10 GiB", "Bytes the cache may hold. None turns the cache off."),
  cacheReserveBytes: bytes(
    "AVIARY_CACHE_RESERVE_BYTES",
    "512 MiB",
    "Bytes that the cache leaves free on its disk, for the ledger above all. Where fewer are left, entries give way.",
  ),
  cacheMaxAge: durationFrom("1 minute", "3650 days", "from a minute to ten years")(
    "AVIARY_CACHE_MAX_AGE",
    "30 days",
    "Age after which an entry is removed.",
  ),
  cacheMemoryBytes: bytes("AVIARY_CACHE_MEMORY_BYTES", "32 MiB", "Bytes of small hot entries kept in memory."),
  flightMemoryBytes: bytes(
    "AVIARY_FLIGHT_MEMORY_BYTES",
    "16 MiB",
    "Bytes of one speech under way that may wait in memory when the cache directory takes no more.",
  ),
}
