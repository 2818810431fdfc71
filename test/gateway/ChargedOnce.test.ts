/**
 * A client pays once, for what it was handed. A failure, a ledger that cannot say or a gateway that stops costs nobody anything;
 * what the cache or another client's synthesis spared is charged at its share. Who leaves pays for the part it was handed: it
 * would have everything but a byte for nothing. The faults are injected into a whole gateway, and the books are read afterwards.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { Effect, Exit, Layer, Redacted, Scope } from "effect"
import type { NimFault } from "../../src/nim/NimFault.ts"
import { down } from "../support/billing.ts"
import { NimTest } from "../support/nim.ts"
import { startPaying, watchedLedger } from "../support/paying.ts"
import { half, listen, opened, speak } from "../support/payingClients.ts"
import { rawConnection } from "../support/rawHttp.ts"

const nothing = { spent: 0, held: 0, entries: [] }

layer(Layer.provideMerge(NimTest.layer, NodeServices.layer), { excludeTestServices: true, timeout: "1 minute" })(
  "ChargedOnce",
  (it) => {
    const world = Effect.fnUntraced(function* (
      faults: ReadonlyArray<NimFault> = [],
      settings: Parameters<typeof startPaying>[1] = {},
      more: Parameters<typeof startPaying>[2] = {},
    ) {
      const nim = yield* NimTest
      yield* nim.setFaults([])
      const started = yield* startPaying(nim, { probeInterval: "1 hour", ...settings }, more)
      yield* nim.setFaults(faults)
      yield* Effect.addFinalizer(() => nim.setFaults([]))
      return started
    })

    it.effect("a synthesis costs its price, a hit its share, each once", () =>
      Effect.gen(function* () {
        const w = yield* world()
        expect(yield* speak(w)).toMatchObject({ status: 200, cache: "MISS" })
        expect(yield* w.settledBooks).toMatchObject({
          spent: 100,
          held: 0,
          entries: ["charge -100 MISS"],
          holds: ["settled"],
        })
        expect(yield* speak(w)).toMatchObject({ status: 200, cache: "HIT" })
        expect(yield* w.settledBooks).toMatchObject({
          ...{ spent: 150, held: 0, entries: ["charge -100 MISS", "charge -50 HIT"], holds: ["settled", "settled"] },
        })
        expect(yield* speak(w, {}).pipe(Effect.andThen(w.settledBooks))).toMatchObject({ spent: 200 })
      }),
    )

    it.effect("who has no money is told so before the upload is taken in", () =>
      Effect.gen(function* () {
        const w = yield* world()
        yield* w.accounts.adjust({ accountId: w.accountId, amount: -1_000_000, reason: "spent elsewhere" })
        const connection = yield* rawConnection(w.port)
        connection.socket.write(
          "POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=b\r\n" +
            `authorization: ${w.authorization}\r\ncontent-length: 1000000\r\n\r\n` +
            '--b\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\n\r\nRIFF',
        )
        // The rest of the body is never sent.
        expect(yield* connection.seen('"insufficient_quota"')).toMatch(/^HTTP\/1\.1 429 /)
        expect(yield* w.scratchFiles).toEqual([])
      }),
    )

    it.effect("a follower pays the share of a follower, whoever leads pays the price", () =>
      Effect.gen(function* () {
        const w = yield* world([{ kind: "slow", millis: 10, route: "synthesize_online" }])
        const leader = yield* opened(w)
        yield* leader.seen("200 OK")
        expect(yield* speak(w)).toMatchObject({ status: 200, cache: "COALESCED" })
        yield* leader.seen(/\r\n0\r\n\r\n$/)
        const { spent, entries } = yield* w.settledBooks
        expect(spent).toBe(125)
        expect(entries.toSorted()).toEqual(["charge -100 MISS", "charge -25 COALESCED"])
      }),
    )

    it.effect("who leaves before the first byte pays nothing", () =>
      Effect.gen(function* () {
        const w = yield* world([{ kind: "hang", route: "synthesize_online" }])
        const client = yield* opened(w)
        expect(yield* w.booksWhen(({ held }) => held > 0)).toMatchObject({ spent: 0, held: 100 })
        client.socket.destroy()
        expect(yield* w.settledBooks).toMatchObject({ ...nothing, holds: ["released"] })
      }),
    )

    const faults: ReadonlyArray<[string, NimFault, number | "5xx"]> = [
      ["refuses", { kind: "reject", status: 422, body: '{"detail":"no"}' }, 422],
      ["dies before its first byte", { kind: "cut", afterBytes: 0 }, 502],
      ["answers with a web page", { kind: "mislabel", as: "html" }, "5xx"],
      ["dies in mid-stream", { kind: "cut", afterBytes: half }, 200],
      ["ends early but cleanly, so that the verdict is bad", { kind: "shorten", afterBytes: half }, 200],
      ["does not begin in time", { kind: "hang" }, 504],
      ["falls silent in mid-stream", { kind: "hang", afterBytes: half }, 200],
    ]
    it.effect.each(faults)("nothing is charged when the engine %s", ([, fault, status]) =>
      Effect.gen(function* () {
        const patience = { firstByteTimeout: "300 millis", idleTimeout: "300 millis" }
        const w = yield* world([{ ...fault, route: "synthesize_online" }], patience)
        const answer = yield* speak(w)
        if (status === "5xx") expect(answer.status).toBeGreaterThanOrEqual(500)
        else expect(answer).toMatchObject(status === 200 ? { status, bytes: "cut" } : { status })
        expect(yield* w.settledBooks).toMatchObject({ ...nothing, holds: ["released"] })
      }),
    )

    it.effect("a ledger that is down when money is reserved: 503, and no engine is asked", () =>
      Effect.gen(function* () {
        const w = yield* world()
        const nim = yield* NimTest
        const before = (yield* nim.calls).routes.synthesize_online.started
        w.faults.set("reserve", down())
        const refused = yield* speak(w)
        expect([refused.status, Number(refused.headers.get("retry-after")) > 0]).toEqual([503, true])
        expect(yield* w.settledBooks).toMatchObject({ ...nothing, holds: ["none"] })
        expect((yield* nim.calls).routes.synthesize_online.started).toBe(before)
      }),
    )

    it.effect("a ledger that is down when the charge is due: no clean end, and no charge", () =>
      Effect.gen(function* () {
        const w = yield* world([], { cacheMemoryBytes: "0" })
        w.faults.set("settle", down("full"))
        expect(yield* speak(w)).toMatchObject({ status: 200, bytes: "cut" })
        expect(yield* w.settledBooks).toMatchObject({ ...nothing, holds: ["released"] })
        w.faults.clear()
        expect(yield* speak(w)).toMatchObject({ status: 200, cache: "HIT" })
        expect(yield* w.settledBooks).toMatchObject({ spent: 50, entries: ["charge -50 HIT"] })
        w.faults.set("settle", down("locked"))
        expect(yield* speak(w)).toMatchObject({ bytes: "cut" })
        expect(yield* w.settledBooks).toMatchObject({ spent: 50, held: 0 })
      }),
    )

    it.effect("a ledger that is down when a hit is charged that is in memory: 503, not a byte, and no charge", () =>
      Effect.gen(function* () {
        const w = yield* world()
        yield* speak(w)
        w.faults.set("charge", down("full"))
        expect(yield* speak(w)).toMatchObject({ status: 503 })
        expect(yield* w.settledBooks).toMatchObject({ spent: 100, entries: ["charge -100 MISS"] })
        w.faults.clear()
        expect(yield* speak(w)).toMatchObject({ status: 200, cache: "HIT" })
        expect(yield* w.settledBooks).toMatchObject({ spent: 150, held: 0 })
      }),
    )

    it.effect("a cache that cannot be written costs neither the client more nor the gateway its charge", () =>
      Effect.gen(function* () {
        const w = yield* world([], { cacheDir: "/dev/null/cache" })
        expect(yield* speak(w)).toMatchObject({ status: 200, bytes: expect.any(Number) })
        expect(yield* w.settledBooks).toMatchObject({ spent: 100, held: 0, holds: ["settled"] })
      }),
    )

    it.effect("whoever is told of a failure has the money back, and can ask again at once", () =>
      Effect.gen(function* () {
        const w = yield* world([{ kind: "cut", afterBytes: 0, route: "synthesize_online" }])
        const nim = yield* NimTest
        yield* w.accounts.adjust({ accountId: w.accountId, amount: -999_900, reason: "leaves the price of one" })
        // Slow enough that a failure told first would be heard first.
        w.faults.set("release", (run) => Effect.delay(run, "300 millis"))
        expect((yield* speak(w)).status).toBe(502)
        expect(yield* w.books).toMatchObject({ held: 0, holds: ["released"] })
        yield* nim.setFaults([{ kind: "cut", afterBytes: half, route: "synthesize_online" }])
        expect(yield* speak(w)).toMatchObject({ status: 200, bytes: "cut" })
        expect(yield* w.books).toMatchObject({ held: 0, holds: ["released", "released"] })
        yield* nim.setFaults([{ kind: "cut", afterBytes: 0, route: "transcriptions" }])
        expect((yield* listen(w, 5)).status).toBeGreaterThanOrEqual(500)
        expect(yield* w.books).toMatchObject({ held: 0, holds: ["released", "released", "released"] })
        yield* nim.setFaults([])
        w.faults.set("settle", down("full"))
        expect(yield* listen(w, 5)).toMatchObject({ status: 503 })
        expect(yield* w.books).toMatchObject({ held: 0, spent: 999_900 })
      }),
    )

    it.effect("who cannot pay is told so before any engine is asked, and not to try again", () =>
      Effect.gen(function* () {
        const w = yield* world()
        const nim = yield* NimTest
        const before = (yield* nim.calls).routes.synthesize_online.started
        yield* w.accounts.adjust({ accountId: w.accountId, amount: -999_901, reason: "leaves 99" })
        const refused = yield* speak(w)
        expect([refused.status, refused.headers.get("x-should-retry")]).toEqual([429, "false"])
        expect((yield* nim.calls).routes.synthesize_online.started).toBe(before)
        expect(yield* w.settledBooks).toMatchObject({ spent: 999_901, held: 0, holds: ["none"] })
      }),
    )

    it.effect("a key spends within its own cap, whatever its account has", () =>
      Effect.gen(function* () {
        const w = yield* world()
        const capped = { accountId: w.accountId, name: "Capped", limits: { monthlyCap: 149 } }
        const { text } = yield* w.accounts.createKey(capped)
        const withKey = { ...w, authorization: `Bearer ${Redacted.value(text)}` }
        expect(yield* speak(withKey)).toMatchObject({ status: 200, cache: "MISS" })
        expect(yield* speak(withKey)).toMatchObject({ status: 429 })
        expect(yield* speak(w)).toMatchObject({ status: 200, cache: "HIT" })
        expect(yield* w.settledBooks).toMatchObject({ spent: 150, held: 0 })
      }),
    )

    it.effect("a gateway that stops in mid-stream charges nothing and leaves no hold", () =>
      Effect.gen(function* () {
        const over = yield* watchedLedger
        const scope = yield* Scope.make()
        const w = yield* world(
          [{ kind: "slow", millis: 50, route: "synthesize_online" }],
          { shutdownGrace: "100 millis" },
          { over },
        ).pipe(Scope.provide(scope))
        const client = yield* opened(w)
        yield* client.seen("200 OK")
        expect(yield* w.books).toMatchObject({ held: 100, holds: ["held"] })
        yield* Scope.close(scope, Exit.void)
        const { received } = yield* client.closed
        expect(received.toString("latin1").endsWith("0\r\n\r\n")).toBe(false)
        expect(yield* over.states).toEqual(["released"])
      }),
    )

    it.effect("a transcription costs its begun seconds once it is answered, and nothing when it is not", () =>
      Effect.gen(function* () {
        const w = yield* world()
        expect(yield* listen(w, 2.1)).toMatchObject({ status: 200 })
        expect(yield* w.settledBooks).toMatchObject({
          spent: 3,
          held: 0,
          entries: ["charge -3 MISS"],
          holds: ["settled"],
        })
        w.faults.set("settle", down())
        expect(yield* listen(w, 5)).toMatchObject({ status: 503, json: { error: { code: "ledger_unavailable" } } })
        w.faults.set("reserve", down())
        expect(yield* listen(w, 5)).toMatchObject({ status: 503, json: { error: { code: "ledger_unavailable" } } })
        w.faults.clear()
        yield* (yield* NimTest).setFaults([{ kind: "cut", afterBytes: 0, route: "transcriptions" }])
        expect((yield* listen(w, 5)).status).toBeGreaterThanOrEqual(500)
        expect(yield* w.settledBooks).toMatchObject({
          ...{ spent: 3, held: 0, entries: ["charge -3 MISS"], holds: ["settled", "released", "none", "released"] },
        })
      }),
    )
  },
)
