import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { startGateway } from "../../support/gateway.ts"

const adminToken = "the admin token of this test"

const rates = {
  speechPerMillionCharacters: 15_000_000,
  transcriptionPerMinute: 6_000,
  hitShare: 10_000,
  coalescedShare: 10_000,
}

/** A gateway's admin routes, asked as an operator's program does. */
const opened = Effect.fnUntraced(function* () {
  const gateway = yield* startGateway({ settings: { adminToken, access: "keys" } })
  const ask = Effect.fnUntraced(function* (method: string, path: string, body?: unknown) {
    const response = yield* Effect.promise(() =>
      fetch(gateway.url + path, {
        method,
        headers: { "content-type": "application/json", authorization: `Bearer ${adminToken}` },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    )
    const json = yield* Effect.promise(() => response.json() as Promise<Record<string, any>>)
    return { status: response.status, headers: response.headers, json }
  })
  return { ...gateway, ask }
})

it.live("opens, tops up, adjusts and states an account", () =>
  Effect.gen(function* () {
    const { ask } = yield* opened()
    const open = yield* ask("POST", "/admin/accounts", { name: "Home", terms: { kind: "prepaid", overdraft: 0 } })
    expect([open.status, open.json["balance"]]).toEqual([201, 0])
    const path = `/admin/accounts/${open.json["id"]}`
    const deposit = { amount: 5_000_000, operationId: "invoice 7" }
    const first = yield* ask("POST", `${path}/deposits`, deposit)
    expect([first.status, first.json["balance"]]).toEqual([201, 5_000_000])
    const again = yield* ask("POST", `${path}/deposits`, deposit)
    expect(again.json["id"]).toBe(first.json["id"])
    const adjusted = yield* ask("POST", `${path}/adjustments`, { amount: -1, reason: "rounding" })
    expect(adjusted.json["balance"]).toBe(4_999_999)
    expect((yield* ask("GET", path)).json).toMatchObject({ name: "Home", balance: 4_999_999, held: 0 })
    const page = yield* ask("GET", `${path}/statement?limit=1`)
    expect(page.json).toMatchObject({
      hasMore: true,
      entries: [{ kind: "adjustment", amount: -1, reason: "rounding" }],
    })
    const rest = yield* ask("GET", `${path}/statement?before=${page.json["entries"][0].id}`)
    expect(rest.json).toMatchObject({ hasMore: false, entries: [{ kind: "deposit", amount: 5_000_000 }] })
    const changed = yield* ask("PATCH", path, { terms: { kind: "metered", monthlyCap: 9 } })
    expect(changed.json).toMatchObject({ name: "Home", terms: { kind: "metered", monthlyCap: 9 } })
    const { accounts, currency } = (yield* ask("GET", "/admin/accounts")).json
    expect(currency).toBe("usd")
    expect(accounts.map((account: { id: string }) => account.id)).toEqual(["anonymous", open.json["id"]])
  }),
)

it.live("says which field is wrong, and what does not exist", () =>
  Effect.gen(function* () {
    const { ask } = yield* opened()
    const anonymous = "/admin/accounts/anonymous"
    const wrong: ReadonlyArray<[string, string, unknown, number, string, string | null]> = [
      [
        "POST",
        "/admin/accounts",
        { name: "", terms: { kind: "metered", monthlyCap: null } },
        400,
        "invalid_value",
        "name",
      ],
      ["POST", "/admin/accounts", { name: "A" }, 400, "missing_required_parameter", "terms"],
      ["POST", `${anonymous}/deposits`, { amount: 0 }, 400, "invalid_value", "amount"],
      ["POST", `${anonymous}/deposits`, { amount: -1 }, 400, "invalid_value", "amount"],
      ["POST", `${anonymous}/deposits`, { amount: 0.5 }, 400, "invalid_value", "amount"],
      ["POST", `${anonymous}/adjustments`, { amount: 1 }, 400, "missing_required_parameter", "reason"],
      ["GET", `${anonymous}/statement?limit=0`, undefined, 400, "invalid_value", "limit"],
      ["GET", "/admin/accounts/nobody", undefined, 404, "account_not_found", null],
      ["GET", "/admin/accounts/nobody/statement", undefined, 404, "account_not_found", null],
      ["POST", "/admin/accounts/nobody/deposits", { amount: 1 }, 404, "account_not_found", null],
      ["POST", "/admin/keys", { accountId: "nobody", name: "A" }, 404, "account_not_found", null],
      ["GET", "/admin/keys?accountId=nobody", undefined, 404, "account_not_found", null],
      ["PATCH", anonymous, { terms: { kind: "prepaid", overdraft: 0 } }, 400, "not_accepted", null],
      ["POST", "/admin/keys", { accountId: "anonymous", name: "A", expiresAt: 1 }, 400, "not_accepted", null],
      ["DELETE", "/admin/keys/nobody", undefined, 404, "key_not_found", null],
      ["DELETE", "/admin/rates/7", undefined, 404, "rates_not_found", null],
      ["DELETE", "/admin/rates/1", undefined, 400, "not_accepted", null],
      ["DELETE", "/admin/rates/1.5", undefined, 400, "invalid_value", "version"],
      ["POST", "/admin/rates", { ...rates, validFrom: 9e15 }, 400, "invalid_value", "validFrom"],
      ["POST", "/admin/keys", { accountId: "anonymous", name: "A", expiresAt: 0.5 }, 400, "invalid_value", "expiresAt"],
    ]
    for (const [method, path, body, status, code, param] of wrong) {
      const told = yield* ask(method, path, body)
      expect([path, told.status, told.json["error"]]).toMatchObject([path, status, { code, param }])
    }
  }),
)

it.live("takes no field that it does not know: a mistyped limit would limit nothing", () =>
  Effect.gen(function* () {
    const { ask } = yield* opened()
    const key = { accountId: "anonymous", name: "A" }
    const terms = { kind: "prepaid", overdraft: 0, monthlyCap: 5 }
    const secret = `sk-aviary-${"s".repeat(43)}`
    const wrong: ReadonlyArray<[string, string, unknown, string]> = [
      ["POST", "/admin/keys", { ...key, limit: { requestsPerMinute: 60 } }, "limit"],
      ["POST", "/admin/keys", { ...key, limits: { requestPerMinute: 60 } }, "limits.requestPerMinute"],
      ["POST", "/admin/keys", { ...key, [secret]: 1 }, "sk-aviary-…"],
      ["POST", "/admin/keys", { ...key, ["x".repeat(5_000)]: 1 }, "x".repeat(100)],
      ["PATCH", "/admin/accounts/anonymous", { nam: "A" }, "nam"],
      ["POST", "/admin/accounts/anonymous/deposits", { amount: 1, operation_id: "A" }, "operation_id"],
      ["POST", "/admin/rates", { ...rates, valid_from: 1 }, "valid_from"],
      ["POST", "/admin/accounts", { name: "A", terms }, "terms.monthlyCap"],
      ["GET", "/admin/accounts/anonymous/statement?page=2", undefined, "page"],
      ["GET", "/admin/keys?account=anonymous", undefined, "account"],
    ]
    for (const [method, path, body, param] of wrong) {
      const { status, json } = yield* ask(method, path, body)
      const message = `Unknown parameter: '${param}'.`
      expect([path, status, json["error"]]).toMatchObject([path, 400, { code: "unknown_parameter", param, message }])
    }
    expect((yield* ask("GET", "/admin/keys")).json).toEqual({ keys: [] })
  }),
)

it.live("says what a field accepts in words that an operator can act on", () =>
  Effect.gen(function* () {
    const { ask } = yield* opened()
    const terms = 'expected {"kind":"prepaid","overdraft":0} or {"kind":"metered","monthlyCap":null}, in micro-units'
    const amounts = "expected a whole number of micro-units from"
    const control = "expected no control characters, such as line breaks"
    const account = { name: "A", terms: { kind: "prepaid", overdraft: 0 } }
    const key = { accountId: "anonymous", name: "A" }
    const wrong: ReadonlyArray<[string, unknown, string, string]> = [
      ["", { ...account, terms: {} }, "terms", terms],
      ["", { ...account, terms: "prepaid" }, "terms", terms],
      [
        "",
        { ...account, terms: { kind: "prepaid", overdraft: -1 } },
        "terms.overdraft",
        `${amounts} 0 to 1000000000000000`,
      ],
      [
        "",
        { ...account, terms: { kind: "metered", monthlyCap: "5" } },
        "terms.monthlyCap",
        `${amounts} 0 to 1000000000000000, or null for none`,
      ],
      ["", { ...account, name: "" }, "name", "expected 1 to 200 characters"],
      ["", { ...account, name: "A\nB" }, "name", control],
      ["", { ...account, name: "\u001b[31mA" }, "name", control],
      ["", { ...account, name: "\u202eA" }, "name", control],
      ["/anonymous/deposits", { amount: -1 }, "amount", `${amounts} 1 to 1000000000000000`],
      ["/anonymous/deposits", { amount: "5" }, "amount", `${amounts} 1 to 1000000000000000`],
      [
        "/anonymous/adjustments",
        { amount: 0, reason: "A" },
        "amount",
        `${amounts} -1000000000000000 to 1000000000000000, and not 0`,
      ],
      ["/../keys", { ...key, accountId: 7 }, "accountId", "expected the id of an account"],
      ["/../keys", { ...key, limits: 7 }, "limits", 'expected limits such as {"requestsPerMinute":60}'],
      [
        "/../keys",
        { ...key, limits: { requestsPerMinute: 0 } },
        "limits.requestsPerMinute",
        "expected a whole number from 1, or null for no limit",
      ],
      [
        "/../rates",
        { ...rates, speechPerMillionCharacters: "15" },
        "speechPerMillionCharacters",
        `${amounts} 0 to 10000000000`,
      ],
      [
        "/../rates",
        { ...rates, hitShare: 10_001 },
        "hitShare",
        "expected a whole number of hundredths of a per cent from 0 to 10000",
      ],
    ]
    for (const [path, body, param, accepted] of wrong) {
      const { status, json } = yield* ask("POST", `/admin/accounts${path}`, body)
      expect([status, json["error"].param, json["error"].message]).toEqual([
        400,
        param,
        `Invalid value for '${param}': ${accepted}.`,
      ])
    }
    const family = yield* ask("POST", "/admin/accounts", { ...account, name: "Zoë 👩‍👩‍👧" })
    expect([family.status, family.json["name"]]).toEqual([201, "Zoë 👩‍👩‍👧"])
  }),
)

it.live("shows a key once, and never what it is kept as", () =>
  Effect.gen(function* () {
    const { ask, url } = yield* opened()
    const limits = { requestsPerMinute: 60 }
    const made = yield* ask("POST", "/admin/keys", { accountId: "anonymous", name: "Open WebUI", limits })
    expect([made.status, made.headers.get("cache-control")]).toEqual([201, "no-store"])
    expect(made.json["text"]).toMatch(/^sk-aviary-[\w-]{43}$/)
    const listed = yield* ask("GET", "/admin/keys?accountId=anonymous")
    expect(listed.json["keys"]).toEqual([made.json["key"]])
    expect(made.json["key"]).toMatchObject({
      hint: made.json["text"].slice(-4),
      limits: { monthlyCap: null, ...limits },
    })
    expect(Object.keys(made.json["key"])).not.toContain("hash")
    const speak = () =>
      fetch(`${url}/v1/audio/speech`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${made.json["text"]}` },
        body: '{"model":"tts-1","voice":"alloy","input":"Hello."}',
      }).then(({ status }) => status)
    expect(yield* Effect.promise(speak)).toBe(200)
    expect((yield* ask("DELETE", `/admin/keys/${made.json["key"].id}`)).json["revokedAt"]).toEqual(expect.any(Number))
    expect(yield* Effect.promise(speak)).toBe(401)
  }),
)

it.live("a key has the priority it was given, the usual one otherwise, and no other word is taken for one", () =>
  Effect.gen(function* () {
    const { ask } = yield* opened()
    const make = (priority?: string) =>
      ask("POST", "/admin/keys", { accountId: "anonymous", name: "A", ...(priority !== undefined && { priority }) })
    for (const [given, has] of [
      [undefined, "normal"],
      ["live", "live"],
      ["bulk", "bulk"],
    ] as const) {
      const { status, json } = yield* make(given)
      expect([status, json["key"].priority]).toEqual([201, has])
    }
    const { json } = yield* ask("GET", "/admin/keys")
    expect(json["keys"].map((key: { priority: string }) => key.priority).toSorted()).toEqual(["bulk", "live", "normal"])
    const wrong = yield* make("urgent")
    expect(wrong).toMatchObject({ status: 400, json: { error: { param: "priority" } } })
    expect(wrong.json["error"].message).toContain('expected "live" | "normal" | "bulk"')
  }),
)

it.live("publishes prices from now or from later, never for the past", () =>
  Effect.gen(function* () {
    const { ask } = yield* opened()
    const now = yield* ask("POST", "/admin/rates", rates)
    expect([now.status, now.json["version"]]).toEqual([201, 2])
    const later = yield* ask("POST", "/admin/rates", { ...rates, hitShare: 0, validFrom: Date.now() + 60_000 })
    expect(later.json).toMatchObject({ version: 3, hitShare: 0 })
    const past = yield* ask("POST", "/admin/rates", { ...rates, validFrom: 1 })
    expect([past.status, past.json["error"].code]).toEqual([400, "not_accepted"])
    const listed = (yield* ask("GET", "/admin/rates")).json["rates"] as ReadonlyArray<{
      version: number
      validUntil: number
    }>
    expect(listed.map(({ version }) => version)).toEqual([1, 2, 3])
    expect(listed[1]?.validUntil).toBe(later.json["validFrom"])
    const withdrawn = yield* ask("DELETE", "/admin/rates/3")
    expect([withdrawn.status, withdrawn.json]).toMatchObject([200, { version: 3, hitShare: 0 }])
    expect((yield* ask("GET", "/admin/rates")).json["rates"]).toMatchObject([{ version: 1 }, { version: 2 }])
  }),
)
