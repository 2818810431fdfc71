import { UnknownRates } from "../BillingError.ts"
import type { RateCard } from "../RateCard.ts"
import { Refusal } from "./Refusal.ts"
import { all, change, kept, one, type Row, type Rule, type Rules } from "./Statement.ts"

/** Which versions take over from `old`, once they hold. By the time that each says it would be all that begin later. */
const takesOver = `CASE
    WHEN new.at_once = 1 AND old.at_once = 1 THEN new.version > old.version
    WHEN new.at_once = 1 THEN new.version > old.version AND new.valid_from > old.valid_from
    WHEN old.at_once = 1 THEN new.version > old.version OR new.valid_from > old.valid_from
    ELSE new.valid_from > old.valid_from END`

const published = `SELECT *, (SELECT min(valid_from) FROM rates new WHERE ${takesOver}) AS valid_until FROM rates old ORDER BY valid_from`

/** The last version that was published to hold at once, or one that was announced to take over from it and has begun. */
const inForce = `SELECT new.*, NULL AS valid_until FROM rates new, (SELECT * FROM rates WHERE at_once = 1 ORDER BY version DESC LIMIT 1) old
  WHERE new.version = old.version OR (new.at_once = 0 AND new.valid_from <= ? AND ${takesOver})
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
export function* cardAt(now: number): Rule<RateCard> {
  return toCard((yield* kept(inForce, now)) as Row)
}

export function* cardOf(version: number): Rule<RateCard> {
  return toCard((yield* kept("SELECT *, NULL AS valid_until FROM rates WHERE version = ?", version)) as Row)
}

const instant = (millis: number) => new Date(millis).toISOString()

function* cards(): Rule<ReadonlyArray<RateCard>> {
  return (yield* all(published)).map(toCard)
}

function* cardByVersion(version: number): Rule<RateCard> {
  const card = (yield* cards()).find((one) => one.version === version)
  if (card === undefined) throw new Refusal(new UnknownRates({ version }))
  return card
}

function* highestWithdrawn(): Rule<number> {
  return Number((yield* one("SELECT value FROM meta WHERE name = ?", withdrawn))?.["value"] ?? 0)
}

export const rateRules: Rules<"publishRates" | "withdrawRates" | "rates"> = {
  rates: cards,

  *publishRates({ validFrom, rates, now }) {
    if (validFrom < now) {
      throw Refusal.notAccepted(
        `Prices cannot begin in the past: ${instant(validFrom)} is over, it is ${instant(now)}.`,
      )
    }
    const same = (yield* cards()).find((card) => card.validFrom === validFrom)
    if (same !== undefined) {
      const way = validFrom > now ? "Withdraw it first, or choose another time." : "Choose another time."
      throw Refusal.notAccepted(`Version ${same.version} begins at ${instant(validFrom)} too. ${way}`)
    }
    const last = (yield* one("SELECT max(version) AS version FROM rates"))?.["version"] as number
    // A number that somebody has noted down must not come to mean another version.
    const version = Math.max(last, yield* highestWithdrawn()) + 1
    yield* change(
      "INSERT INTO rates (version, valid_from, at_once, speech_per_million, transcription_per_minute, hit_share, coalesced_share) VALUES (?, ?, ?, ?, ?, ?, ?)",
      version,
      validFrom,
      validFrom === now ? 1 : 0,
      rates.speechPerMillionCharacters,
      rates.transcriptionPerMinute,
      rates.hitShare,
      rates.coalescedShare,
    )
    return yield* cardByVersion(version)
  },

  *withdrawRates({ version, now }) {
    const card = yield* cardByVersion(version)
    const atOnce = yield* one("SELECT 1 FROM rates WHERE version = ? AND at_once = 1", version)
    if (card.validFrom <= now || atOnce !== undefined) {
      const since = card.validFrom === 0 ? "holds from the beginning" : `began at ${instant(card.validFrom)}`
      throw Refusal.notAccepted(`Version ${version} ${since} and is final. To change prices, publish another version.`)
    }
    yield* change("DELETE FROM rates WHERE version = ?", version)
    if (version > (yield* highestWithdrawn())) {
      yield* change(
        "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        withdrawn,
        String(version),
      )
    }
    return card
  },
}
