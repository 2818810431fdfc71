/**
 * Who leaves a speech one byte before its end has a speech. A client that leaves pays for the part that it was handed, a transcript is
 * paid before its first byte, and a hit holds its price from the start, so that nobody has for nothing what others pay for.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { Deferred, Effect, Layer, Queue, Schedule } from "effect"
import type { NimFault } from "../../src/nim/NimFault.ts"
import { NimTest } from "../support/nim.ts"
import { startPaying } from "../support/paying.ts"
import { audioIn, heardAndLeft, input, opened, speak, type World } from "../support/payingClients.ts"

layer(Layer.provideMerge(NimTest.layer, NodeServices.layer), { excludeTestServices: true, timeout: "1 minute" })(
  "WhoLeavesPays",
  (it) => {
    const world = Effect.fnUntraced(function* (
      faults: ReadonlyArray<NimFault> = [],
      settings: Parameters<typeof startPaying>[1] = {},
    ) {
      const nim = yield* NimTest
      yield* nim.setFaults([])
      const started = yield* startPaying(nim, { probeInterval: "1 hour", ...settings })
      yield* nim.setFaults(faults)
      yield* Effect.addFinalizer(() => nim.setFaults([]))
      return started
    })

    /** The engine gives so much of its audio and no more; the client takes what comes of it. Answers with the bytes of audio it has. */
    const cutAt = Effect.fnUntraced(function* (w: World, share: number) {
      const given = Math.round(100 * 1_544 * share) * 2
      yield* (yield* NimTest).setFaults([{ kind: "hang", afterBytes: given, route: "synthesize_online" }])
      const client = yield* opened(w)
      // Resampled from 22,050 to 24,000 Hz; the filter holds some samples back.
      const expected = (given * 24_000) / 22_050 - 400
      const head = /\r\n\r\n/
      yield* client.seen(head)
      while (audioIn(yield* client.seen(head)) < expected) yield* Effect.sleep("5 millis")
      const had = audioIn(yield* client.seen(head))
      client.socket.destroy()
      return had
    })
    const wholeSpeech = (100 * 1_544 * 2 * 24_000) / 22_050

    it.effect.each([0.1, 0.5, 0.9])("who leaves with %d of a speech pays about so much, and never less", (share) =>
      Effect.gen(function* () {
        const w = yield* world()
        const had = yield* cutAt(w, share)
        const { entries, held, holds, spent } = yield* w.settledBooks
        expect({ held, holds, entries }).toEqual({ held: 0, holds: ["settled"], entries: [`charge -${spent} MISS`] })
        expect(spent).toBeGreaterThanOrEqual(Math.ceil((100 * had) / wholeSpeech))
        expect(spent).toBeLessThanOrEqual(Math.min(100, Math.ceil(145 * share) + 1))
        const [, charge] = (yield* w.statement).toReversed()
        const reason = spent === 100 ? null : expect.stringMatching(/^the client left with \d+ % of it$/)
        expect(charge).toMatchObject({ quantity: spent, reason })
      }),
    )

    it.effect.each([
      ["full", 100, "settled"],
      ["free", 0, "released"],
    ] as const)("with AVIARY_ABANDONED=%s who leaves in mid-stream pays %d of 100", ([abandoned, spent, state]) =>
      Effect.gen(function* () {
        const w = yield* world([], { abandoned })
        yield* cutAt(w, 0.2)
        expect(yield* w.settledBooks).toMatchObject({ spent, held: 0, holds: [state] })
      }),
    )

    it.effect("who leaves one byte before the end, or with all but the end, pays in full", () =>
      Effect.gen(function* () {
        const w = yield* world([], { cacheMemoryBytes: "0" })
        const [asked, answer] = [yield* Queue.unbounded<void>(), yield* Queue.unbounded<void>()]
        w.faults.set("settle", (run) =>
          run.pipe(
            Effect.tap(() => Queue.offer(asked, undefined)),
            Effect.tap(() => Queue.take(answer)),
          ),
        )
        for (const spent of [100, 150, 200]) {
          const client = yield* opened(w)
          yield* Queue.take(asked)
          client.socket.destroy()
          yield* client.closed
          yield* Queue.offer(answer, undefined)
          expect(yield* w.booksWhen((now) => now.spent === spent && now.held === 0)).toMatchObject({ spent, held: 0 })
        }
        expect((yield* w.books).entries).toEqual(["charge -100 MISS", "charge -50 HIT", "charge -50 HIT"])
      }),
    )

    it.effect("who leaves while a hit is charged that is in memory has nothing of it, and is paid back", () =>
      Effect.gen(function* () {
        const w = yield* world()
        yield* speak(w)
        const asked = yield* Deferred.make<void>()
        w.faults.set("charge", (run) =>
          run.pipe(Effect.andThen(Deferred.succeed(asked, undefined)), Effect.andThen(Effect.never)),
        )
        const client = yield* opened(w)
        yield* Deferred.await(asked)
        client.socket.destroy()
        expect(yield* w.booksWhen(({ entries }) => entries.length === 3)).toMatchObject({
          ...{ spent: 100, held: 0, entries: ["charge -100 MISS", "charge -50 HIT", "refund 50 HIT"] },
        })
      }),
    )

    it.effect("hits that are left as soon as all but their last byte is read are all paid", () =>
      Effect.gen(function* () {
        const w = yield* world()
        const { bytes } = yield* speak(w)
        for (let n = 0; n < 20; n++) {
          const client = yield* opened(w)
          while (audioIn(yield* client.seen(/\r\n\r\n/)) < Number(bytes) - 1) yield* Effect.sleep("1 millis")
          client.socket.destroy()
        }
        expect(yield* w.booksWhen((now) => now.spent === 1_100)).toMatchObject({ spent: 100 + 20 * 50, held: 0 })
      }),
    )

    it.effect("a hit that is left in the middle costs the part that was given, and less than all of it", () =>
      Effect.gen(function* () {
        const w = yield* world()
        const long = { input: input.repeat(40), sample_rate_hz: 48_000 }
        const { bytes } = yield* speak(w, long)
        const client = yield* opened(w, long)
        client.socket.on("data", () => client.socket.pause())
        yield* client.seen("200 OK")
        const had = client.socket.bytesRead
        client.socket.destroy()
        const { spent } = yield* w.settledBooks
        expect(spent - 4_000).toBeGreaterThanOrEqual(Math.ceil((2_000 * (had - 1_000)) / Number(bytes)))
        expect(spent - 4_000).toBeLessThan(2_000)
      }),
    )

    it.effect("of sixty hits at once with money for seven exactly seven are served", () =>
      Effect.gen(function* () {
        const w = yield* world()
        yield* speak(w)
        yield* w.accounts.adjust({ accountId: w.accountId, amount: -(999_900 - 7 * 50), reason: "leaves seven hits" })
        const answers = yield* Effect.all(
          Array.from({ length: 60 }, () => speak(w)),
          { concurrency: "unbounded" },
        )
        expect(answers.filter(({ status }) => status === 200).length).toBe(7)
        expect(answers.filter(({ status }) => status === 429).length).toBe(53)
        expect(yield* w.settledBooks).toMatchObject({ spent: 1_000_000, held: 0 })
      }),
    )

    it.effect("transcripts that are left at their first byte are all paid", () =>
      Effect.gen(function* () {
        const w = yield* world()
        for (let n = 0; n < 10; n++) yield* heardAndLeft(w, 2)
        expect(yield* w.booksWhen((now) => now.spent === 20)).toMatchObject({ spent: 20, held: 0 })
      }),
    )

    it.effect("who leaves frees the engine at once and is charged later, however slow the ledger is", () =>
      Effect.gen(function* () {
        const w = yield* world()
        const nim = yield* NimTest
        const [asked, answer] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
        w.faults.set("settle", (run) =>
          Deferred.succeed(asked, undefined).pipe(Effect.andThen(Deferred.await(answer)), Effect.andThen(run)),
        )
        yield* cutAt(w, 0.5)
        yield* Deferred.await(asked)
        yield* nim.setFaults([])
        yield* Effect.repeat(nim.calls, {
          until: ({ working }) => working === 0,
          schedule: Schedule.spaced("5 millis"),
        })
        expect((yield* w.books).spent).toBe(0)
        yield* Deferred.succeed(answer, undefined)
        const { spent } = yield* w.settledBooks
        expect(spent).toBeGreaterThanOrEqual(50)
      }),
    )
  },
)
