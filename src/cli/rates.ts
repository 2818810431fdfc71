import { Argument, Command, Flag } from "effect/cli"
import { money } from "../billing/Money.ts"
import type { RateCard } from "../billing/RateCard.ts"
import { adminFlags, asking } from "./AdminCommand.ts"
import { given, wholeArgument } from "./Fields.ts"
import { aPrice, moneyFlag } from "./MoneyFlag.ts"
import { table } from "./Table.ts"
import { time, timeFlag } from "./Time.ts"

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
    speech: moneyFlag("speech", aPrice).pipe(Flag.withDescription("Price of a million characters of text")),
    transcription: moneyFlag("transcription", aPrice).pipe(Flag.withDescription("Price of a minute of audio")),
    hit: share("hit", "what the cache had"),
    coalesced: share("coalesced", "following another client's synthesis"),
    from: timeFlag("from").pipe(
      Flag.optional,
      Flag.withDescription("When they begin, in UTC unless the zone is said; without it at once"),
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
            ...given("validFrom", from),
          },
        }),
      (card) => showRates([card]),
    ),
).pipe(
  Command.withDescription("Publish new prices, from now or from a time to come"),
  Command.withExamples([{ command: "aviary rates publish --speech 15 --transcription 0.006" }]),
)

const withdraw = Command.make(
  "withdraw",
  { version: wholeArgument("version").pipe(Argument.withDescription("Version that has not begun")), ...adminFlags },
  ({ version, ...flags }) =>
    asking(
      flags,
      (client) => client.adminRates.withdraw({ params: { version } }),
      (card) => `Withdrew version ${card.version}, which was to begin ${time(card.validFrom)}.`,
    ),
).pipe(Command.withDescription("Withdraw prices that have not begun"))

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
  Command.withSubcommands([publish, withdraw, list]),
)
