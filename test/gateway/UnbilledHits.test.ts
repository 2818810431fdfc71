/**
 * While the ledger cannot be reached nobody can be charged, so nobody is served. Whoever runs a gateway that is open to all may rather
 * have what is in the cache served for nothing, and says so with `AVIARY_UNBILLED_HITS`. Nobody gets a synthesis for nothing, and nobody
 * with a key anything: they have an account.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { Context, Effect, Layer, Logger } from "effect"
import { createHash } from "node:crypto"
import { Billing } from "../../src/billing/Billing.ts"
import { BillingError } from "../../src/billing/BillingError.ts"
import { Ledger } from "../../src/billing/Ledger.ts"
import { postSpeech } from "../support/aviary.ts"
import { down } from "../support/billing.ts"
import { countedNim } from "../support/countedNim.ts"
import { NimTest } from "../support/nim.ts"
import { startPaying, watchedLedger } from "../support/paying.ts"

/** A gateway that is open to all, with a ledger that can be taken away and given back. */
const open = Effect.fnUntraced(function* (unbilledHits: "on" | "off") {
  const watched = yield* watchedLedger
  let isAway = false
  const ledger = Layer.effect(
    Ledger,
    Effect.map(Ledger, (kept) => ({
      ...kept,
      check: Effect.suspend(() => (isAway ? BillingError.unavailable("failed", "it is away") : kept.check)),
    })),
  ).pipe(Layer.provide(watched.layer))
  const lines: Array<string> = []
  const log = Logger.make(({ message }) => void lines.push(String(message)))
  const world = yield* startPaying(
    yield* countedNim(),
    { access: "open", unbilledHits },
    { over: { ...watched, layer: ledger }, loggers: [log] },
  )
  const away = Effect.sync(() => {
    isAway = true
    for (const name of ["reserve", "charge", "settle", "afford"] as const) watched.faults.set(name, down())
  })
  const back = Effect.sync(() => {
    isAway = false
    watched.faults.clear()
  })
  const hear = (input: string, headers: Record<string, string> = {}) =>
    Effect.flatMap(postSpeech(world.url, { input, response_format: "pcm" }, { headers }), (response) =>
      Effect.promise(async () => ({
        status: response.status,
        cache: response.headers.get("x-cache"),
        body: createHash("sha256")
          .update(new Uint8Array(await response.arrayBuffer()))
          .digest("hex"),
      })),
    )
  const ready = Effect.promise(async () => {
    const response = await fetch(`${world.url}/health/ready`)
    const { status, storage } = (await response.json()) as { status: string; storage: { ledger: { ready: boolean } } }
    return [response.status, status, storage.ledger.ready]
  })
  const unbilled = Effect.promise(async () => {
    const text = await (await fetch(`${world.url}/metrics`)).text()
    return Number(/^aviary_unbilled_hits_total (\d+)/m.exec(text)?.[1] ?? 0)
  })
  const billing = Context.get(world.services, Billing)
  const charges = Effect.map(
    billing.statement({ accountId: "anonymous", before: null, limit: 100 }),
    (entries) => entries.length,
  )
  return { ...world, away, back, hear, ready, unbilled, charges, lines }
})

/** In memory, and beyond what is kept there: 512 KiB. */
const texts = { short: "A sentence to say.", long: "A sentence that goes on and on. ".repeat(25) }

layer(Layer.provideMerge(NimTest.layer, NodeServices.layer), { excludeTestServices: true })("UnbilledHits", (it) => {
  it.effect(
    "where it is allowed, what is in the cache is served unbilled while the ledger is away, and nothing else is",
    () =>
      Effect.gen(function* () {
        const { authorization, away, back, charges, hear, lines, ready, unbilled } = yield* open("on")
        const before = [yield* hear(texts.short), yield* hear(texts.long)]
        // In memory by now.
        yield* hear(texts.short)
        expect([yield* charges, yield* unbilled]).toEqual([3, 0])
        yield* away
        for (const [index, text] of [texts.short, texts.long, texts.short].entries())
          expect(yield* hear(text)).toEqual({ status: 200, cache: "HIT", body: before[index % 2]!.body })
        expect((yield* hear("Never said before.")).status).toBe(503)
        expect((yield* hear(texts.short, { authorization })).status).toBe(503)
        // Its balancer has to leave it where it is.
        expect(yield* ready).toEqual([200, "degraded", false])
        expect(yield* unbilled).toBe(3)
        expect(lines.filter((line) => line.includes("is served unbilled"))).toHaveLength(1)
        yield* back
        expect(yield* charges).toBe(3)
        expect((yield* hear(texts.short)).status).toBe(200)
        expect([yield* charges, yield* unbilled]).toEqual([4, 3])
      }),
  )

  it.effect("what was made while the ledger did not answer is no hit that nobody pays for", () =>
    Effect.gen(function* () {
      const { faults, hear } = yield* open("on")
      expect((yield* hear(texts.short)).status).toBe(200)
      for (const name of ["reserve", "charge", "settle", "afford"] as const)
        faults.set(name, (run) => Effect.delay(down("lost")(run), "300 millis"))
      const unheard = Array.from({ length: 4 }, (_, index) => `Never said before, number ${index}.`)
      for (let round = 0; round < 2; round++) {
        const asked = yield* Effect.forEach(unheard, (text) => hear(text), { concurrency: "unbounded" })
        expect(asked.map(({ status }) => status)).toEqual([503, 503, 503, 503])
      }
    }),
  )

  it.effect("otherwise nobody is served, and a balancer is told so", () =>
    Effect.gen(function* () {
      const { away, hear, ready } = yield* open("off")
      expect((yield* hear(texts.short)).status).toBe(200)
      yield* away
      expect((yield* hear(texts.short)).status).toBe(503)
      expect((yield* ready)[0]).toBe(503)
    }),
  )
})
