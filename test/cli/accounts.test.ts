import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { ConfigProvider, Effect } from "effect"
import { Command } from "effect/cli"
import { TestClock, TestConsole } from "effect/testing"
import { accounts } from "../../src/cli/accounts.ts"
import { keys } from "../../src/cli/keys.ts"
import { rates } from "../../src/cli/rates.ts"
import { startGateway } from "../support/gateway.ts"

const adminToken = "the admin token of this test"

const aviary = Command.make("aviary").pipe(Command.withSubcommands([accounts, keys, rates]))

/** Runs command lines against a gateway; each answers with what it printed. */
const commands = Effect.gen(function* () {
  yield* TestClock.setTime(Date.UTC(2026, 10, 21))
  const { url } = yield* startGateway({ settings: { adminToken, access: "keys" } })
  const runAt = Effect.fnUntraced(function* (token: string, ...line: ReadonlyArray<string>) {
    const before = (yield* TestConsole.logLines).length
    yield* Command.runWith(aviary, { version: "0" })([...line, "--url", url]).pipe(
      Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ AVIARY_ADMIN_TOKEN: token }))),
    )
    return (yield* TestConsole.logLines).slice(before).join("\n")
  })
  const run = (...line: ReadonlyArray<string>) => runAt(adminToken, ...line)
  const json = (...line: ReadonlyArray<string>) =>
    Effect.map(run(...line, "--json"), (printed) => JSON.parse(printed) as Record<string, any>)
  return { runAt, run, json }
})

layer(NodeServices.layer)("aviary accounts, keys and rates", (it) => {
  it.effect("keep the books of a running gateway, for scripts and for people", () =>
    Effect.gen(function* () {
      const { run, json } = yield* commands
      const { id } = yield* json("accounts", "create", "Home", "--overdraft", "1.50")
      const posted = ["accounts", "top-up", id, "--amount", "12.50", "--operation-id", "invoice 7"]
      expect(yield* json(...posted)).toMatchObject({ amount: 12_500_000, balance: 12_500_000 })
      expect(yield* json(...posted)).toMatchObject({ balance: 12_500_000 })
      yield* run("accounts", "adjust", id, "--amount", "-0.29", "--reason", "charged twice")
      expect(yield* run("accounts", "list")).toMatch(/Home +prepaid, overdraft 1\.50 +12\.21/)
      expect(yield* run("accounts", "statement", id, "--limit", "1")).toMatch(
        /adjustment +-0\.29 +12\.21 +charged twice[^]*--before 2$/,
      )
      expect(yield* json("accounts", "change", id, "--name", "Away")).toMatchObject({
        name: "Away",
        terms: { kind: "prepaid", overdraft: 1_500_000 },
      })
      yield* run("accounts", "change", id, "--metered", "--cap", "9")
      expect(yield* run("accounts", "show", id)).toContain("metered, at most 9.00 a month")
    }),
  )

  it.effect("show a key once and revoke it", () =>
    Effect.gen(function* () {
      const { run, json } = yield* commands
      const { id } = yield* json("accounts", "create", "Home", "--metered")
      const made = yield* run(
        "keys",
        "create",
        "Open WebUI",
        "--account",
        id,
        "--requests-per-minute",
        "60",
        "--expires-in",
        "90 days",
      )
      const text = /sk-aviary-\S+/.exec(made)![0]
      const listed = yield* run("keys", "list", "--account", id)
      expect(listed).toContain("60 requests/min")
      expect(listed).not.toContain(text)
      const [key] = (yield* json("keys", "list", "--account", id))["keys"]
      expect(key.expiresAt - key.createdAt).toBeCloseTo(90 * 86_400_000, -6)
      expect(yield* run("keys", "revoke", key.id)).toContain("revoked 20")
    }),
  )

  it.effect("publish prices in units of the currency", () =>
    Effect.gen(function* () {
      const { run, json } = yield* commands
      const card = yield* json("rates", "publish", "--speech", "15", "--transcription", "0.006", "--hit", "1.15")
      expect(card).toMatchObject({
        ...{ speechPerMillionCharacters: 15_000_000, transcriptionPerMinute: 6_000 },
        ...{ hitShare: 115, coalescedShare: 10_000 },
      })
      expect(yield* run("rates", "list")).toMatch(/2 +20\S+ \S+ +- +15\.00 +0\.006 +1\.15 % +100 %/)
    }),
  )

  it.effect("fail with the gateway's own words, and never with the token", () =>
    Effect.gen(function* () {
      const { run, runAt } = yield* commands
      expect(yield* Effect.flip(run("accounts", "show", "nobody"))).toMatchObject({
        message: "There is no account `nobody`.",
      })
      const stranger = yield* Effect.flip(runAt("another token of a stranger", "accounts", "list"))
      expect(stranger).toMatchObject({ message: expect.stringContaining("admin token") })
      expect(JSON.stringify(stranger)).not.toContain("another token")
    }),
  )
})
