import { Effect, Option } from "effect"
import { Flag } from "effect/cli"
import type { Terms } from "../billing/Account.ts"
import { money } from "../billing/Money.ts"
import { switchFlag } from "./Fields.ts"
import { fromZero, moneyFlag } from "./MoneyFlag.ts"
import { UsageError } from "./UsageError.ts"

/** What an account's terms are named by. */
export const termsFlags = {
  prepaid: switchFlag("prepaid").pipe(Flag.withDescription("It pays before")),
  overdraft: moneyFlag("overdraft", fromZero).pipe(
    Flag.optional,
    Flag.withDescription("How far its balance may pass below zero; it is prepaid"),
  ),
  metered: switchFlag("metered").pipe(Flag.withDescription("It pays later")),
  cap: moneyFlag("cap", fromZero).pipe(
    Flag.optional,
    Flag.withDescription("Most that it may spend in a calendar month (UTC); it is metered"),
  ),
  noCap: switchFlag("no-cap").pipe(Flag.withDescription("It may spend any amount; it is metered")),
}

/** The values of `termsFlags`. */
export interface TermsFlags {
  readonly prepaid: boolean
  readonly overdraft: Option.Option<number>
  readonly metered: boolean
  readonly cap: Option.Option<number>
  readonly noCap: boolean
}

/** The terms that the flags name, given those of `before`, from which comes what they leave open. None: they name none. */
export const namedTerms = (
  flags: TermsFlags,
): Effect.Effect<Option.Option<(before: Terms | undefined) => Terms>, UsageError> => {
  const prepaid = flags.prepaid || Option.isSome(flags.overdraft)
  const metered = flags.metered || flags.noCap || Option.isSome(flags.cap)
  if (prepaid && metered) {
    return new UsageError({
      message: "An account is prepaid (--prepaid, --overdraft) or metered (--metered, --cap, --no-cap), not both.",
    })
  }
  if (flags.noCap && Option.isSome(flags.cap)) {
    return new UsageError({ message: "--cap and --no-cap contradict each other." })
  }
  if (!prepaid && !metered) return Effect.succeedNone
  return Effect.succeedSome((before) =>
    prepaid
      ? {
          kind: "prepaid",
          overdraft: Option.getOrElse(flags.overdraft, () => (before?.kind === "prepaid" ? before.overdraft : 0)),
        }
      : {
          kind: "metered",
          monthlyCap: Option.getOrElse(flags.cap, () =>
            before?.kind === "metered" && !flags.noCap ? before.monthlyCap : null,
          ),
        },
  )
}

/** Terms for a person. */
export const termsWords = (terms: Terms): string =>
  terms.kind === "prepaid"
    ? `prepaid${terms.overdraft === 0 ? "" : `, overdraft ${money(terms.overdraft)}`}`
    : `metered${terms.monthlyCap === null ? "" : `, at most ${money(terms.monthlyCap)} a month`}`
