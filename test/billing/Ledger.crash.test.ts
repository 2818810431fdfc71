// kill -9 under paying load: what was told to a client stands, and nothing stands that was not at least on its way to one.
// KILL_ROUNDS=200 for the long run.
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Ledger } from "../../src/billing/Ledger.ts"
import * as SqliteLedger from "../../src/billing/sqlite/SqliteLedger.ts"
import { rates } from "../support/billing.ts"
import { seededRandom } from "../support/seededRandom.ts"

const rounds = Number(process.env["KILL_ROUNDS"] ?? 3)
const clients = 8
const load = fileURLToPath(new URL("../support/payingLoad.ts", import.meta.url))

/** Runs the load, kills it `afterMillis` from its first charge, and answers with the holds it told of. */
const killed = (path: string, afterMillis: number) =>
  Effect.callback<{ readonly paid: Set<string>; readonly held: Set<string> }>((resume) => {
    const child = spawn(process.execPath, [load, path], { stdio: ["ignore", "pipe", "inherit"] })
    let written = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      if (written === "") setTimeout(() => child.kill("SIGKILL"), afterMillis)
      written += text
    })
    child.on("close", () => {
      const told = (word: string) =>
        new Set(
          written
            .split("\n")
            .slice(0, -1)
            .flatMap((line) => (line.startsWith(word) ? [line.slice(word.length + 1)] : [])),
        )
      resume(Effect.succeed({ paid: told("paid"), held: told("held") }))
    })
    return Effect.sync(() => child.kill("SIGKILL"))
  })

const ledgerAt = (path: string) => SqliteLedger.layerAt({ path, currency: "usd" })

it.live(
  `killed ${rounds} times, it has charged what it said, and every hold ends`,
  () =>
    Effect.gen(function* () {
      const random = seededRandom(7)
      const folder = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "aviary-crash-"))),
        (made) => Effect.sync(() => rmSync(made, { recursive: true })),
      )
      let [told, untold] = [0, 0]
      for (let round = 0; round < rounds; round++) {
        const path = join(folder, `${round}.sqlite`)
        yield* Ledger.use((ledger) => ledger.run("publishRates", { now: 1, validFrom: 1, rates })).pipe(
          Effect.provide(ledgerAt(path)),
        )
        const { paid, held } = yield* killed(path, 20 + random(300))

        yield* Effect.gen(function* () {
          const ledger = yield* Ledger
          const charged = new Set<string | null>()
          for (let before: number | null = null; ;) {
            const page: ReadonlyArray<{ id: number; holdId: string | null; kind: string }> = yield* ledger.run(
              "statement",
              { accountId: "anonymous", before, limit: 1000 },
            )
            for (const { holdId, kind } of page) {
              assert.strictEqual(kind, "charge")
              assert.isFalse(charged.has(holdId))
              charged.add(holdId)
            }
            const last = page.at(-1)
            if (last === undefined) break
            before = last.id
          }
          for (const holdId of paid) assert.isTrue(charged.has(holdId), `${holdId} was paid for and is not charged`)
          const extra = charged.size - paid.size
          assert.isAtMost(extra, clients)
          told += paid.size
          untold += extra

          for (const holdId of held) assert.notStrictEqual(yield* ledger.run("hold", { holdId }), null)
          yield* ledger.run("reap", { now: Date.now() + 11_000, limit: 1000 })
          assert.deepInclude(yield* ledger.run("account", { id: "anonymous", now: 0 }), { held: 0 })
          assert.deepStrictEqual(yield* ledger.run("verify", {}), [])
        }).pipe(Effect.provide(ledgerAt(path)))
      }
      assert.isAbove(told, 0)
      yield* Effect.log(`${told} charges were told before the kills, ${untold} were durable but not yet told`)
    }).pipe(Effect.scoped),
  { timeout: 60_000 + rounds * 10_000 },
)
