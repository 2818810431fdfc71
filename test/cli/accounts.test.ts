import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { ConfigProvider, Effect } from "effect"
import { Command } from "effect/cli"
import { TestClock, TestConsole } from "effect/testing"
import { createServer, request as forward, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { accounts } from "../../src/cli/accounts.ts"
import { keys } from "../../src/cli/keys.ts"
import { rates } from "../../src/cli/rates.ts"
import { startGateway } from "../support/gateway.ts"

const adminToken = "the admin token of this test"

const aviary = Command.make("aviary").pipe(Command.withSubcommands([accounts, keys, rates]))

/** The URL of a proxy in front of `url` that cuts every connection once the gateway has answered. */
const losingAnswers = (url: string) =>
  Effect.acquireRelease(
    Effect.callback<Server>((resume) => {
      const server = createServer((request, response) => {
        const onward = forward(`${url}${request.url}`, { method: request.method, headers: request.headers })
        onward.on("response", () => response.destroy())
        request.pipe(onward)
      })
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.sync(() => server.close()),
  ).pipe(Effect.map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`))

/** Runs command lines against a gateway; each answers with what it printed. */
const commands = Effect.gen(function* () {
  yield* TestClock.setTime(Date.UTC(2026, 10, 21))
  const { url } = yield* startGateway({ settings: { adminToken, access: "keys" } })
  const runAt = Effect.fnUntraced(function* (token: string, ...line: ReadonlyArray<string>) {
    const before = (yield* TestConsole.logLines).length
    yield* Command.runWith(aviary, { version: "0" })([...line, ...(line.includes("--url") ? [] : ["--url", url])]).pipe(
      Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ AVIARY_ADMIN_TOKEN: token }))),
    )
    return (yield* TestConsole.logLines).slice(before).join("\n")
  })
  const run = (...line: ReadonlyArray<string>) => runAt(adminToken, ...line)
  const json = (...line: ReadonlyArray<string>) =>
    Effect.map(run(...line, "--json"), (printed) => JSON.parse(printed) as Record<string, any>)
  return { url, runAt, run, json }
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
      expect(yield* run("accounts", "show", "anonymous")).toMatch(/^opened +with the ledger$/m)
      expect(yield* run("accounts", "list")).toMatch(/Home +open +prepaid, overdraft 1\.50 +12\.21/)
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

  it.effect("fit a terminal with names where a script has ids, and take a name or the beginning of an id for one", () =>
    Effect.gen(function* () {
      const { run, json } = yield* commands
      const name = (of: string) => `${of} with a name that is rather long for a table`
      const { id } = yield* json("accounts", "create", name("Somebody"), "--cap", "1000000")
      const limits = ["--requests-per-minute", "1000", "--characters-per-minute", "1000000", "--monthly-cap", "1000"]
      const { key } = yield* json(
        "keys",
        "create",
        name("Laptop"),
        "--account",
        id,
        "--expires-in",
        "90 days",
        ...limits,
      )
      yield* run("accounts", "adjust", id, "--amount", "-123456.789012", "--reason", name("A correction"))
      const tables = [
        yield* run("accounts", "list"),
        yield* run("keys", "list"),
        yield* run("accounts", "statement", id),
        yield* run("rates", "list"),
      ]
      for (const table of tables) {
        expect(Math.max(...table.split("\n").map((line) => line.length)), table).toBeLessThanOrEqual(120)
      }
      expect(tables[1]).toMatch(/Laptop with a name th… .*Somebody with a nam… /)
      expect(JSON.stringify(yield* json("keys", "list"))).toContain(id)

      for (const given of [name("Somebody"), id.slice(0, 13)]) {
        expect(yield* json("accounts", "show", given)).toMatchObject({ id })
        expect((yield* json("keys", "list", "--account", given))["keys"]).toHaveLength(1)
      }
      const twins = [yield* json("accounts", "create", "Twin"), yield* json("accounts", "create", "Twin")]
      const { message } = yield* Effect.flip(run("accounts", "top-up", "Twin", "--amount", "5"))
      expect(message).toBe(
        `Several accounts go by \`Twin\`: ${twins
          .map((twin) => String(twin["id"]))
          .toSorted()
          .join(", ")}. Give more of the id.`,
      )
      expect(yield* json("keys", "revoke", key.id.slice(0, 12))).toMatchObject({ id: key.id })
    }),
  )

  it.effect("freeze, unfreeze and close an account, and say how to pay out what is left", () =>
    Effect.gen(function* () {
      const { run, json } = yield* commands
      const { id } = yield* json("accounts", "create", "Home")
      yield* run("accounts", "top-up", id, "--amount", "5")
      expect(yield* run("accounts", "freeze", id)).toMatch(/^state +frozen$/m)
      expect(yield* json("accounts", "unfreeze", id)).toMatchObject({ state: "open" })
      expect(yield* run("accounts", "close", id)).toMatch(
        new RegExp(`^state +closed$[^]*Its balance stays.* accounts adjust ${id} --amount -5.00 --reason`, "m"),
      )
      yield* run("accounts", "adjust", id, "--amount", "-5.00", "--reason", "paid out")
      expect(yield* run("accounts", "close", id)).not.toContain("Its balance stays")
    }),
  )

  it.effect("change the terms that are named, and keep what is not", () =>
    Effect.gen(function* () {
      const { json } = yield* commands
      const { id } = yield* json("accounts", "create", "Home", "--cap", "0.50")
      const terms = (...flags: ReadonlyArray<string>) =>
        Effect.map(json("accounts", "change", id, ...flags), (account) => account["terms"])
      expect(yield* terms("--name", "Away")).toEqual({ kind: "metered", monthlyCap: 500_000 })
      expect(yield* terms("--metered")).toEqual({ kind: "metered", monthlyCap: 500_000 })
      expect(yield* terms("--cap", "9")).toEqual({ kind: "metered", monthlyCap: 9_000_000 })
      expect(yield* terms("--no-cap")).toEqual({ kind: "metered", monthlyCap: null })
      expect(yield* terms("--overdraft", "5")).toEqual({ kind: "prepaid", overdraft: 5_000_000 })
      expect(yield* terms("--prepaid")).toEqual({ kind: "prepaid", overdraft: 5_000_000 })
    }),
  )

  it.effect("post money once, though the answer is lost and the command is repeated as it says", () =>
    Effect.gen(function* () {
      const { url, run, json } = yield* commands
      const { id } = yield* json("accounts", "create", "Home")
      const line = ["accounts", "top-up", id, "--amount", "5"]
      const proxy = yield* losingAnswers(url)
      const lost = yield* Effect.flip(run(...line, "--url", proxy))
      const [, operationId] = /repeat it with --operation-id (\S+),/.exec((lost as Error).message)!
      yield* run(...line, "--operation-id", operationId!)
      expect(yield* json("accounts", "show", id)).toMatchObject({ balance: 5_000_000 })
      const refused = yield* Effect.flip(run("accounts", "top-up", "nobody", "--amount", "5"))
      expect(refused).toMatchObject({ message: "There is no account `nobody`." })
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
      expect(listed).toMatch(/ Home +60 /)
      expect(listed).not.toContain(text)
      const [key] = (yield* json("keys", "list", "--account", id))["keys"]
      expect(key.expiresAt - key.createdAt).toBeCloseTo(90 * 86_400_000, -6)
      yield* run("keys", "create", "For a guest", "--account", id, "--expires-in", "1 minute")
      yield* TestClock.adjust("1 minute")
      expect(yield* run("keys", "list", "--account", id)).toMatch(/For a guest .* expired 2026-11-21$/m)
      expect(yield* run("keys", "revoke", key.id)).toContain("revoked 20")
      expect(yield* Effect.flip(run("keys", "list", "--account", "nobody"))).toMatchObject({
        message: "There is no account `nobody`.",
      })
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

  it.effect("withdraw prices that have not begun", () =>
    Effect.gen(function* () {
      const { run } = yield* commands
      yield* run("rates", "publish", "--speech", "1500", "--transcription", "1", "--from", "2027-01-01")
      expect(yield* run("rates", "list")).toContain("2027-01-01 00:00:00Z")
      expect(yield* run("rates", "withdraw", "2")).toBe("Withdrew version 2, which was to begin 2027-01-01 00:00:00Z.")
      expect(yield* run("rates", "list")).not.toContain("2027")
      expect(yield* Effect.flip(run("rates", "withdraw", "2"))).toMatchObject({ code: "rates_not_found" })
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
