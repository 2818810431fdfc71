import { Option } from "effect"
import { Command, Flag } from "effect/cli"
import type { RateCard } from "../billing/RateCard.ts"
import { adminFlags, asking } from "./AdminCommand.ts"
import { money, moneyFlag } from "./Money.ts"
import { table, time } from "./Table.ts"

/** Hundredths of a per cent, from per cent. */
const share = (name: string, of: string) =>
  Flag.Finite(name).pipe(
    Flag.filter(
      (percent) => percent >= 0 && percent <= 100 && Math.abs(percent * 100 - Math.round(percent * 100)) < 1e-6,
      () => "0 to 100 per cent, with at most two decimals",
    ),
    Flag.withDefault(100),
    Flag.withDescription(`Per cent of the price that is charged for ${of}`),
  )

const showRates = (cards: ReadonlyArray<RateCard>) =>
  table(
    ["version", "from", "until", "million characters", "minute of audio", "hit", "coalesced"],
    cards.map((card) => [
      card.version,
      ...[card.validFrom === 0 ? "the beginning" : time(card.validFrom), time(card.validUntil)],
      ...[money(card.speechPerMillionCharacters), money(card.transcriptionPerMinute)],
      ...[`${card.hitShare / 100} %`, `${card.coalescedShare / 100} %`],
    ]),
  )

const publish = Command.make(
  "publish",
  {
    speech: moneyFlag("speech").pipe(Flag.withDescription("Price of a million characters of text")),
    transcription: moneyFlag("transcription").pipe(Flag.withDescription("Price of a minute of audio")),
    hit: share("hit", "what the cache had"),
    coalesced: share("coalesced", "following another client's synthesis"),
    from: Flag.String("from").pipe(
      Flag.filterMap(
        (written) => Option.liftPredicate(Date.parse(written), (millis) => !Number.isNaN(millis)),
        () => "a time such as 2027-01-01T00:00Z",
      ),
      Flag.optional,
      Flag.withDescription("When they begin; without it at once"),
    ),
    ...adminFlags,
  },
  ({ speech, transcription, hit, coalesced, from, ...flags }) =>
    asking(
      flags,
      (client) =>
        client.adminRates.publish({
          payload: {
            speechPerMillionCharacters: speech,
            transcriptionPerMinute: transcription,
            hitShare: Math.round(hit * 100),
            coalescedShare: Math.round(coalesced * 100),
            ...(Option.isSome(from) ? { validFrom: from.value } : {}),
          },
        }),
      (card) => showRates([card]),
    ),
).pipe(
  Command.withDescription("Publish new prices. Versions are never changed"),
  Command.withExamples([{ command: "aviary rates publish --speech 15 --transcription 0.006" }]),
)

const list = Command.make("list", adminFlags, (flags) =>
  asking(
    flags,
    (client) => client.adminRates.list(),
    ({ rates }) => showRates(rates),
  ),
).pipe(Command.withDescription("List prices, oldest version first"))

/** `aviary rates` */
export const rates = Command.make("rates").pipe(
  Command.withDescription("Prices of a running gateway"),
  Command.withSubcommands([publish, list]),
)
