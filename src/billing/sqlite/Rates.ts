import { NotAccepted } from "../BillingError.ts"
import type { Operations } from "../Operations.ts"
import type { RateCard } from "../RateCard.ts"
import { Refusal } from "./Refusal.ts"
import type { Row, Rows } from "./Rows.ts"

const withEnds = "SELECT *, lead(valid_from) OVER (ORDER BY valid_from) AS valid_until FROM rates"

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

export const rateOperations = (rows: Rows): Pick<Operations, "publishRates" | "rates"> => {
  const all = () => rows.all(`${withEnds} ORDER BY valid_from`).map(toCard)
  return {
    rates: all,
    publishRates: ({ validFrom, rates, now }) => {
      const last = all().at(-1)
      if (validFrom < now) throw new Refusal(new NotAccepted({ message: "rates cannot begin in the past" }))
      if (last !== undefined && validFrom <= last.validFrom) {
        throw new Refusal(new NotAccepted({ message: "rates must begin after those of every other version" }))
      }
      const version = (last?.version ?? 0) + 1
      rows.run(
        "INSERT INTO rates (version, valid_from, speech_per_million, transcription_per_minute, hit_share, coalesced_share) VALUES (?, ?, ?, ?, ?, ?)",
        ...([version, validFrom, rates.speechPerMillionCharacters, rates.transcriptionPerMinute] as const),
        ...([rates.hitShare, rates.coalescedShare] as const),
      )
      return { version, validFrom, validUntil: null, ...rates }
    },
  }
}
