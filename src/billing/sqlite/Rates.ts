import { UnknownRates } from "../BillingError.ts"
import type { Operations } from "../Operations.ts"
import type { RateCard } from "../RateCard.ts"
import { Refusal } from "./Refusal.ts"
import type { Row, Rows } from "./Rows.ts"

const published = "SELECT *, lead(valid_from) OVER (ORDER BY valid_from) AS valid_until FROM rates ORDER BY valid_from"

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

/** The version in force. There always is one: version 1 holds from the beginning of time and costs nothing. */
export const cardAt = (rows: Rows, now: number): RateCard =>
  toCard(
    rows.one(
      "SELECT *, NULL AS valid_until FROM rates WHERE valid_from <= ? ORDER BY valid_from DESC LIMIT 1",
      now,
    ) as Row,
  )

export const cardOf = (rows: Rows, version: number): RateCard =>
  toCard(rows.one("SELECT *, NULL AS valid_until FROM rates WHERE version = ?", version) as Row)

const instant = (millis: number) => new Date(millis).toISOString()

type Names = "publishRates" | "withdrawRates" | "rates"

export const rateOperations = (rows: Rows): Pick<Operations, Names> => {
  const all = () => rows.all(published).map(toCard)
  const find = (version: number) => {
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
        "INSERT INTO rates (version, valid_from, speech_per_million, transcription_per_minute, hit_share, coalesced_share) VALUES (?, ?, ?, ?, ?, ?)",
        version,
        validFrom,
        rates.speechPerMillionCharacters,
        rates.transcriptionPerMinute,
        rates.hitShare,
        rates.coalescedShare,
      )
      return find(version)
    },
    withdrawRates: ({ version, now }) => {
      const card = find(version)
      if (card.validFrom <= now) {
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
