/**
 * Who has two boxes wants nobody to notice when one of them wedges. A call that an engine fails before it has given anything goes
 * to the other one at once, is answered once and charged once; the sick engine is restarted within its own budget and comes back.
 * What a client already hears cannot be taken over by anybody: it is broken off, as with one engine.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { postSpeech, startAviary } from "../support/aviary.ts"
import { eventually, transcribe, wavOf } from "../support/listeningNim.ts"
import { adminToken, listOf, operatorOf, sicknesses, startMember } from "../support/pairOfEngines.ts"

/** Of each kind and sickness. `FAILOVER_CLIENTS=200` takes a minute and a half. */
const clients = Number(process.env["FAILOVER_CLIENTS"] ?? 40)
const atOnce = 20

/** How long an engine may take: a healthy one that works for so many at once must not be taken for one that hangs. */
const patience = clients > 40 ? "12 seconds" : "6 seconds"

const numbers = Array.from({ length: clients }, (_, n) => n)

/** A transcription of a recording that only this client sends; what it was told. */
const listen = (url: string, run: number) => (n: number) =>
  Effect.map(transcribe(url, wavOf(300 + n + clients * run)), ({ body, status }) => ({
    status,
    said: body.text ?? body.error,
    wanted: `heard ${300 + n + clients * run} milliseconds`,
  }))

/** A speech that only this client wants; how many seconds of it came. */
const speak = (url: string, run: number) => (n: number) =>
  Effect.gen(function* () {
    const input = `Number ${n} of ${run}.`
    const response = yield* postSpeech(url, { input, response_format: "pcm" })
    const bytes = yield* Effect.promise(() => response.arrayBuffer())
    const seconds = bytes.byteLength / 48_000
    return { status: response.status, isWhole: Math.abs(seconds - input.length * 0.07) < 0.1 }
  })

layer(NodeServices.layer, { excludeTestServices: true })("Failover", (it) => {
  it.effect(
    "of two engines one is sick, and no client notices; it is healed within its budget",
    () =>
      Effect.gen(function* () {
        const magpies = [yield* startMember(), yield* startMember()] as const
        const parakeets = [yield* startMember(2), yield* startMember(2)] as const
        const sick = [magpies[0], parakeets[0]]
        const { url } = yield* startAviary(undefined, {
          adminToken,
          magpieUrls: listOf(magpies),
          parakeetUrls: listOf(parakeets),
          parakeetTimeout: patience,
          firstByteTimeout: patience,
          idleTimeout: patience,
          probeTimeout: patience,
          queueLength: String(clients),
        })
        const operator = operatorOf(url)
        const both = ["magpie-1", "parakeet-1"] as const
        const isHealed = Effect.forEach(both, (engine) =>
          eventually(operator.engine(engine), ({ state }) => state === "healthy"),
        )
        const isRestarted = (before: ReadonlyArray<number>) =>
          Effect.forEach(both, (engine, index) =>
            eventually(operator.engine(engine), ({ restarts }) => restarts.length > before[index]!),
          )
        yield* Effect.forEach(["magpie-1", "magpie-2", "parakeet-1", "parakeet-2"] as const, operator.probe)

        for (const [run, sickness] of sicknesses.entries()) {
          const before = yield* Effect.all([operator.charged("transcriptions"), operator.charged("speeches")])
          const restartsBefore = (yield* Effect.forEach(both, operator.engine)).map(({ restarts }) => restarts.length)
          yield* Effect.forEach(sick, (one) =>
            sickness.faults === undefined ? one.kill : one.setFaults(sickness.faults),
          )
          const [heard, spoken] = yield* Effect.all(
            [
              Effect.forEach(numbers, listen(url, run), { concurrency: atOnce }),
              Effect.forEach(numbers, speak(url, run), { concurrency: atOnce }),
            ],
            { concurrency: 2 },
          )
          const wrong = [
            ...heard.filter(({ said, status, wanted }) => status !== 200 || said !== wanted),
            ...spoken.filter(({ isWhole, status }) => status !== 200 || !isWhole),
          ]
          expect([sickness.name, wrong]).toEqual([sickness.name, []])
          const charged = eventually(
            Effect.all([operator.charged("transcriptions"), operator.charged("speeches")]),
            ([transcriptions, speeches]) => transcriptions >= before[0] + clients && speeches >= before[1] + clients,
          )
          expect([sickness.name, ...(yield* charged)]).toEqual([
            sickness.name,
            before[0] + clients,
            before[1] + clients,
          ])
          if (!sickness.isRestarted)
            yield* Effect.forEach(sick, (one) => (sickness.faults === undefined ? one.revive : one.setFaults([])))
          if (sickness.isRestarted) yield* isRestarted(restartsBefore)
          yield* isHealed
          const after = yield* Effect.forEach(both, operator.engine)
          const restarts = after.map(({ restarts }, index) => restarts.length - restartsBefore[index]!)
          for (const count of restarts) {
            expect([sickness.name, count > 0, count <= 3]).toEqual([sickness.name, sickness.isRestarted, true])
          }
          console.log(
            `${sickness.name}: ${clients} transcriptions and ${clients} speeches, ${wrong.length} errors, each charged once; restarts ${restarts.join(" and ")}, back again`,
          )
          // Each sickness has its own budget here, as if half an hour had passed.
          yield* Effect.forEach(both, operator.restore)
        }
      }),
    900_000,
  )
})
