import { expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import type { Terms } from "../../src/billing/Account.ts"
import { namedTerms, type TermsFlags } from "../../src/cli/Terms.ts"

const none: TermsFlags = {
  prepaid: false,
  overdraft: Option.none(),
  metered: false,
  cap: Option.none(),
  noCap: false,
}

const prepaid: Terms = { kind: "prepaid", overdraft: 7 }
const metered: Terms = { kind: "metered", monthlyCap: 9 }

it.effect.each<[Partial<TermsFlags>, Terms | undefined, Terms]>([
  [{ prepaid: true }, undefined, { kind: "prepaid", overdraft: 0 }],
  [{ prepaid: true }, prepaid, prepaid],
  [{ prepaid: true }, metered, { kind: "prepaid", overdraft: 0 }],
  [{ overdraft: Option.some(5) }, prepaid, { kind: "prepaid", overdraft: 5 }],
  [{ overdraft: Option.some(5) }, metered, { kind: "prepaid", overdraft: 5 }],
  [{ metered: true }, undefined, { kind: "metered", monthlyCap: null }],
  [{ metered: true }, metered, metered],
  [{ metered: true }, prepaid, { kind: "metered", monthlyCap: null }],
  [{ cap: Option.some(5) }, undefined, { kind: "metered", monthlyCap: 5 }],
  [{ cap: Option.some(0) }, metered, { kind: "metered", monthlyCap: 0 }],
  [{ noCap: true }, metered, { kind: "metered", monthlyCap: null }],
])("%j makes of %j %j", ([flags, before, after]) =>
  Effect.gen(function* () {
    const named = yield* namedTerms({ ...none, ...flags })
    expect(Option.map(named, (of) => of(before))).toEqual(Option.some(after))
  }),
)

it.effect("no flag names no terms", () =>
  Effect.gen(function* () {
    expect(yield* namedTerms(none)).toEqual(Option.none())
  }),
)

it.effect.each<Partial<TermsFlags>>([
  { prepaid: true, metered: true },
  { prepaid: true, cap: Option.some(4) },
  { metered: true, overdraft: Option.some(5) },
  { noCap: true, overdraft: Option.some(5) },
  { noCap: true, cap: Option.some(4) },
])("%j contradict each other", (flags) =>
  Effect.gen(function* () {
    expect(yield* Effect.flip(namedTerms({ ...none, ...flags }))).toMatchObject({ _tag: "UsageError" })
  }),
)
