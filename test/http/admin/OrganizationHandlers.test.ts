import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import OpenAI from "openai"
import { Accounts } from "../../../src/billing/Accounts.ts"
import { Billing } from "../../../src/billing/Billing.ts"
import { Payer } from "../../../src/billing/Payer.ts"
import { charge, rates } from "../../support/billing.ts"
import { startGateway } from "../../support/gateway.ts"

const adminToken = "the admin token of this test"

/** A gateway where two accounts have used both trades today, and OpenAI's own client to ask it. */
const used = Effect.gen(function* () {
  const gateway = yield* startGateway({ settings: { adminToken, access: "keys", currency: "eur" } })
  return yield* Effect.gen(function* () {
    const [accounts, billing] = [yield* Accounts, yield* Billing]
    yield* accounts.publishRates({ ...rates, hitShare: 5_000 })
    const open = Effect.fnUntraced(function* (name: string) {
      const { id: accountId } = yield* accounts.open({ name, terms: { kind: "metered", monthlyCap: null } })
      const { key } = yield* accounts.createKey({ accountId, name })
      return { accountId, keyId: key.id, idempotency: null }
    })
    const [ann, ben] = [yield* open("Ann"), yield* open("Ben")]
    const speech = (characters: number, served: "HIT" | "MISS") =>
      charge(billing, { kind: "speech", model: "test-magpie", characters }, { served })
    yield* Effect.provideService(speech(100, "MISS"), Payer, ann)
    yield* Effect.provideService(speech(100, "HIT"), Payer, ann)
    yield* Effect.provideService(speech(7, "MISS"), Payer, ben)
    yield* Effect.provideService(
      charge(billing, { kind: "transcription", model: "test-parakeet", audioMillis: 1_500 }, { served: "MISS" }),
      Payer,
      ben,
    )
    const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: "", adminAPIKey: adminToken, maxRetries: 0 })
    return { usage: client.admin.organization.usage, ann, ben }
  }).pipe(Effect.provide(gateway.services))
})

const today = () => Math.floor(Date.now() / 1000) - 60
const tomorrow = () => today() + 86_400

it.live("reports the characters of speech to OpenAI's client, in total and by group", () =>
  Effect.gen(function* () {
    const { usage, ann, ben } = yield* used
    const span = { start_time: today(), end_time: tomorrow() }
    const total = yield* Effect.promise(() => usage.audioSpeeches(span))
    expect(total).toMatchObject({ object: "page", has_more: false, next_page: null })
    expect(total.data.flatMap(({ results }) => results)).toEqual([
      {
        ...{ object: "organization.usage.audio_speeches.result", characters: 207, num_model_requests: 3 },
        ...{ project_id: null, user_id: null, api_key_id: null, model: null },
      },
    ])
    const grouped = yield* Effect.promise(() =>
      usage.audioSpeeches({ ...span, group_by: ["project_id", "api_key_id", "model"] }),
    )
    const seen = grouped.data.flatMap(({ results }): ReadonlyArray<unknown> => results)
    expect(seen).toHaveLength(2)
    expect(seen).toContainEqual(
      expect.objectContaining({
        project_id: ann.accountId,
        api_key_id: ann.keyId,
        model: "test-magpie",
        characters: 200,
      }),
    )
    const filtered = yield* Effect.promise(() =>
      usage.audioSpeeches({ ...span, bucket_width: "1h", limit: 168, api_key_ids: [ben.keyId] }),
    )
    expect(filtered.data.flatMap(({ results }) => results)).toMatchObject([{ characters: 7, num_model_requests: 1 }])
    const ofBen = yield* Effect.promise(() => usage.audioSpeeches({ ...span, project_ids: [ben.accountId] }))
    expect(ofBen.data.flatMap(({ results }) => results)).toMatchObject([{ characters: 7 }])
    const charactersOf = (...models: ReadonlyArray<string>) =>
      Effect.map(
        Effect.promise(() => usage.audioSpeeches({ ...span, models: [...models] })),
        ({ data }) =>
          data.flatMap(({ results }) => results).map((result) => "characters" in result && result.characters),
      )
    expect(yield* charactersOf("tts-1")).toEqual([207])
    expect(yield* charactersOf("tts-9", "test-magpie")).toEqual([207])
    expect(yield* charactersOf("whisper-1")).toEqual([])
    const noUser = yield* Effect.promise(() => usage.audioSpeeches({ ...span, user_ids: ["somebody"] }))
    expect(noUser.data.flatMap(({ results }) => results)).toEqual([])
  }),
)

it.live("reports the seconds of transcription, and what all of it costs by line", () =>
  Effect.gen(function* () {
    const { usage, ann } = yield* used
    const span = { start_time: today(), end_time: tomorrow() }
    const heard = yield* Effect.promise(() => usage.audioTranscriptions(span))
    expect(heard.data.flatMap(({ results }) => results)).toMatchObject([
      { object: "organization.usage.audio_transcriptions.result", seconds: 2, num_model_requests: 1 },
    ])
    const costs = yield* Effect.promise(() => usage.costs({ ...span, group_by: ["line_item"] }))
    const lines = costs.data.flatMap(({ results }): ReadonlyArray<unknown> => results)
    expect(lines).toHaveLength(2)
    expect(lines).toContainEqual({
      ...{ object: "organization.costs.result", amount: { value: 0.000157, currency: "eur" } },
      ...{ line_item: "test-magpie, text to speech", quantity: 207, quantity_unit: "characters" },
      ...{ project_id: null, api_key_id: null },
    })
    const byProject = yield* Effect.promise(() => usage.costs({ ...span, group_by: ["project_id"] }))
    const projects = byProject.data.flatMap(({ results }): ReadonlyArray<unknown> => results)
    expect(projects).toHaveLength(2)
    expect(projects).toContainEqual(
      expect.objectContaining({ project_id: ann.accountId, amount: { value: 0.00015, currency: "eur" } }),
    )
    const ofAnn = yield* Effect.promise(() => usage.costs({ ...span, project_ids: [ann.accountId] }))
    expect(ofAnn.data.flatMap(({ results }) => results)).toMatchObject([
      { amount: { value: 0.00015 }, line_item: null, quantity: null },
    ])
  }),
)

it.live("pages through buckets, empty ones included", () =>
  Effect.gen(function* () {
    const { usage } = yield* used
    const start_time = today() - 3 * 86_400
    const first = yield* Effect.promise(() => usage.audioSpeeches({ start_time, limit: 3 }))
    expect(first).toMatchObject({ has_more: true, data: [{ results: [] }, { results: [] }, { results: [] }] })
    const second = yield* Effect.promise(() => usage.audioSpeeches({ start_time, limit: 3, page: first.next_page! }))
    expect(second.data[0]?.start_time).toBe(first.data[2]?.end_time)
    expect(second.data.at(-1)?.results).toMatchObject([{ characters: 207 }])
    expect(second.has_more).toBe(false)
    const half = { start_time: Math.floor(Date.now() / 1000) - 179 * 86_400, limit: 180 }
    const costs = yield* Effect.promise(() => usage.costs(half))
    expect([costs.data.length, costs.has_more]).toEqual([180, false])
    const tooMany = yield* Effect.promise(() => usage.costs({ ...half, limit: 181 }).catch((error: unknown) => error))
    expect(tooMany).toMatchObject({ status: 400, param: "limit" })
  }),
)

it.live("counts every charge once where two spans adjoin in the middle of a day", () =>
  Effect.gen(function* () {
    const { usage } = yield* used
    // The next second: all charges lie before it.
    const between = Math.floor(Date.now() / 1000) + 1
    const ask = (span: { start_time: number; end_time: number }) =>
      Effect.map(
        Effect.promise(() => usage.audioSpeeches({ ...span, bucket_width: "1d" })),
        ({ data }) => data.flatMap(({ results }): ReadonlyArray<unknown> => results),
      )
    expect(yield* ask({ start_time: between - 60, end_time: between })).toMatchObject([{ characters: 207 }])
    expect(yield* ask({ start_time: between, end_time: between + 60 })).toEqual([])
  }),
)

it.live("an error names the parameter of a wrong value, and what fits the bucket width", () =>
  Effect.gen(function* () {
    const { url } = yield* startGateway({ settings: { adminToken } })
    const told = Effect.fnUntraced(function* (query: string) {
      const headers = { authorization: `Bearer ${adminToken}` }
      const response = yield* Effect.promise(() =>
        fetch(`${url}/v1/organization/usage/audio_speeches?start_time=0&${query}`, { headers }),
      )
      const { error } = (yield* Effect.promise(() => response.json())) as { error: { param: string; message: string } }
      return [response.status, error.param, error.message]
    })
    const days = "Invalid value for 'limit': expected a whole number from 1 to 31."
    expect(yield* told("limit=0")).toEqual([400, "limit", days])
    expect(yield* told("limit=32")).toEqual([400, "limit", days])
    expect(yield* told("limit=1441&bucket_width=1m")).toEqual([400, "limit", days.replace("31", "1440")])
    // As a script writes them whose variable is empty; `Number` makes 0 of nothing, which is 1970.
    const moment = "expected a whole number from 0 to 10000000000."
    for (const end of ["", "%20", "0x10", "1e9", "-1"]) {
      expect(yield* told(`end_time=${end}`)).toEqual([400, "end_time", `Invalid value for 'end_time': ${moment}`])
    }
    expect((yield* told("limit=1e1"))[0]).toBe(400)
    expect(yield* told("limit=many")).toEqual([400, "limit", "Invalid value for 'limit': expected a whole number."])
    expect((yield* told("group_by=team&group_by=model"))[1]).toBe("group_by")
  }),
)
