// The requests and answers that docs/billing.md shows, asked of a gateway.
import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Accounts } from "../../src/billing/Accounts.ts"
import { Billing } from "../../src/billing/Billing.ts"
import { Payer } from "../../src/billing/Payer.ts"
import { charge } from "../support/billing.ts"
import { startGateway } from "../support/gateway.ts"
import { read } from "./Tree.ts"

const adminToken = "the admin token of this test"

const shown = Array.from(
  read("docs/billing.md").matchAll(
    /^curl "http:\/\/127\.0\.0\.1:8000(\S+)" -H "authorization: Bearer \$TOKEN"\n```\n\n```json\n(.+?)\n```/gms,
  ),
  ([, path, answer]) => ({ path: path!, answer: JSON.parse(answer!) as unknown }),
)

/** The same with every value but fixed words put down to its type: what a program that reads it relies on. */
const shapeOf = (value: unknown, name = ""): unknown => {
  if (Array.isArray(value)) return value.map((member) => shapeOf(member))
  if (typeof value === "object" && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, shapeOf(member, key)]))
  return ["object", "quantity_unit", "characters", "num_model_requests", "quantity", "value"].includes(name)
    ? value
    : value === null
      ? null
      : typeof value
}

it("docs/billing.md shows usage and costs", () => {
  expect(shown.map(({ path }) => path.split("?")[0])).toEqual([
    "/v1/organization/usage/audio_speeches",
    "/v1/organization/costs",
  ])
})

it.live.each(shown)("$path is answered as docs/billing.md shows it", ({ path, answer }) =>
  Effect.gen(function* () {
    const { url, services } = yield* startGateway({ settings: { adminToken } })
    yield* Effect.gen(function* () {
      const [accounts, billing] = [yield* Accounts, yield* Billing]
      yield* accounts.publishRates({
        ...{ speechPerMillionCharacters: 15_000_000, transcriptionPerMinute: 0 },
        ...{ hitShare: 10_000, coalescedShare: 10_000 },
      })
      const { id: accountId } = yield* accounts.open({ name: "A", terms: { kind: "metered", monthlyCap: null } })
      for (const characters of [100, 100, 7]) {
        yield* charge(billing, { kind: "speech", model: "test-magpie", characters }, { served: "MISS" }).pipe(
          Effect.provideService(Payer, { accountId, keyId: null, idempotency: null }),
        )
      }
    }).pipe(Effect.provide(services))
    const now = Math.floor(Date.now() / 1000)
    // Of this day only, whenever the test runs.
    const asked = path.replace(/start_time=\d+/, `start_time=${now - (now % 86_400)}`)
    const response = yield* Effect.promise(() =>
      fetch(url + asked, { headers: { authorization: `Bearer ${adminToken}` } }),
    )
    expect(response.status).toBe(200)
    expect(shapeOf(yield* Effect.promise(() => response.json()))).toEqual(shapeOf(answer))
  }),
)
