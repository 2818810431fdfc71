import { UnknownRates } from "../BillingError.ts"
import type { Operations } from "../Operations.ts"
import type { RateCard } from "../RateCard.ts"
import { Refusal } from "./Refusal.ts"
import type { Row, Rows } from "./Rows.ts"

/** Which versions take over from `old`, once they hold. By the time that each says it would be all that begin later. */
const takesOver = `CASE
    WHEN new.at_once AND old.at_once THEN new.version > old.version
    WHEN new.at_once THEN new.version > old.version AND new.valid_from > old.valid_from
    WHEN old.at_once THEN new.version > old.version OR new.valid_from > old.valid_from
    ELSE new.valid_from > old.valid_from END`

const published = `SELECT *, (SELECT min(valid_from) FROM rates new WHERE ${takesOver}) AS valid_until FROM rates old ORDER BY valid_from`

/** The last version that was published to hold at once, or one that was announced to take over from it and has begun. */
const inForce = `SELECT new.*, NULL AS valid_until FROM rates new, (SELECT * FROM rates WHERE at_once ORDER BY version DESC LIMIT 1) old
  WHERE new.version = old.version OR (NOT new.at_once AND new.valid_from <= ? AND ${takesOver})
  ORDER BY new.version <> old.version DESC, new.valid_from DESC LIMIT 1`

/** What `meta` calls the highest number that a withdrawn version had. */
const withdrawn = "highest withdrawn rates"

const toCard = (row: Row): RateCard => ({
  version: row["version"] as number,
  validFrom: row["valid_from"] as number,
  validUntil: row["valid_until"] as number | null,
  speechPerMillionCharacters: row["speech_per_million"] as number,
  transcriptionPerMinute: row["transcription_per_minute"] as number,
  hitShare: row["hit_share"] as number,
  coalescedShare: row["coalesced_share"] as number,
})

/**
 * The version in force. There always is one: version 1 holds from the beginning of time and costs nothing. A version that
 * was published to hold at once is not undone by a clock that ran ahead then and says now that it has not begun.
 */
export const cardAt = (rows: Rows, now: number): RateCard => toCard(rows.one(inForce, now) as Row)

export const cardOf = (rows: Rows, version: number): RateCard =>
  toCard(rows.one("SELECT *, NULL AS valid_until FROM rates WHERE version = ?", version) as Row)

const instant = (millis: number) => new Date(millis).toISOString()

type Names = "publishRates" | "withdrawRates" | "rates"

export const rateOperations = (rows: Rows): Pick<Operations, Names> => {
  const all = () => rows.all(published).map(toCard)
  const find = (version: number): RateCard => {
    const card = all().find((one) => one.version === version)
    if (card === undefined) throw new Refusal(new UnknownRates({ version }))
    return card
  }
  return {
    rates: all,
    publishRates: ({ validFrom, rates, now }) => {
      if (validFrom < now) {
        throw Refusal.notAccepted(
          `Prices cannot begin in the past: ${instant(validFrom)} is over, it is ${instant(now)}.`,
        )
      }
      const same = all().find((card) => card.validFrom === validFrom)
      if (same !== undefined) {
        const way = validFrom > now ? "Withdraw it first, or choose another time." : "Choose another time."
        throw Refusal.notAccepted(`Version ${same.version} begins at ${instant(validFrom)} too. ${way}`)
      }
      // A number that somebody has noted down must not come to mean another version.
      const last = rows.one(
        "SELECT max(max(version), coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE name = ?), 0)) AS version FROM rates",
        withdrawn,
      )
      const version = (last?.["version"] as number) + 1
      rows.run(
        "INSERT INTO rates (version, valid_from, at_once, speech_per_million, transcription_per_minute, hit_share, coalesced_share) VALUES (?, ?, ?, ?, ?, ?, ?)",
        version,
        validFrom,
        validFrom === now ? 1 : 0,
        rates.speechPerMillionCharacters,
        rates.transcriptionPerMinute,
        rates.hitShare,
        rates.coalescedShare,
      )
      return find(version)
    },
    withdrawRates: ({ version, now }) => {
      const card = find(version)
      if (
        card.validFrom <= now ||
        rows.one("SELECT 1 FROM rates WHERE version = ? AND at_once", version) !== undefined
      ) {
        const since = card.validFrom === 0 ? "holds from the beginning" : `began at ${instant(card.validFrom)}`
        throw Refusal.notAccepted(
          `Version ${version} ${since} and is final. To change prices, publish another version.`,
        )
      }
      rows.run("DELETE FROM rates WHERE version = ?", version)
      rows.run(
        "INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = ?2 WHERE CAST(value AS INTEGER) < ?3",
        withdrawn,
        String(version),
        version,
      )
      return card
    },
  }
}
