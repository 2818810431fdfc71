/**
 * Two engines cannot share one speech: what one has begun, in its own breath and pitch, the other cannot go on with. So when one of
 * two Magpies goes, the speeches that clients already hear from it are broken off, never ended as if they were whole, kept or charged;
 * everything that had not begun is spoken by the other, and nobody notices.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import type { NimFault } from "../../src/nim/NimFault.ts"
import { postSpeech, startAviary } from "../support/aviary.ts"
import { eventually } from "../support/listeningNim.ts"
import { adminToken, listOf, operatorOf, startMember } from "../support/pairOfEngines.ts"

const route = "synthesize_online"
/** About a quarter of the speech. */
const afterBytes = 24_000

/** How the first of two goes, in the middle of what has this in its text. */
const endings: ReadonlyArray<{ readonly name: string; readonly fault: NimFault; readonly isKilled?: true }> = [
  { name: "killed", fault: { kind: "hang", afterBytes, route, text: "sick" }, isKilled: true },
  { name: "hung", fault: { kind: "hang", afterBytes, route, text: "sick" } },
  { name: "cut off", fault: { kind: "cut", afterBytes, route, text: "sick" } },
  { name: "ended early", fault: { kind: "shorten", afterBytes, route, text: "sick" } },
]

/** Each chunk is a letter, of 70 ms. */
const slowly = (text: string): NimFault => ({ kind: "slow", millis: 20, route, text })

const begin = (url: string, input: string) =>
  Effect.map(postSpeech(url, { input, response_format: "pcm" }), (response) => ({ input, response }))

/** How a speech ends that has begun: whole, by its length, or broken off, which its client is told by an error. */
const endOf = ({ input, response }: Effect.Success<ReturnType<typeof begin>>) =>
  Effect.promise(async () => {
    try {
      const seconds = (await response.arrayBuffer()).byteLength / 48_000
      return Math.abs(seconds - input.length * 0.07) < 0.1 ? "whole" : `ended after ${seconds} s`
    } catch {
      return "broken off"
    }
  })

const texts = (name: string, what: string) =>
  Array.from({ length: 8 }, (_, n) => `Number ${n}: they ${what}, one is ${name}.`)

layer(NodeServices.layer, { excludeTestServices: true })("BegunBreaksOff", (it) => {
  it.effect(
    "of two Magpies one goes: what it had begun breaks off, uncharged and never kept; all else is spoken by the other",
    () =>
      Effect.gen(function* () {
        const magpies = [yield* startMember(), yield* startMember()] as const
        const [sick, well] = magpies
        const { url } = yield* startAviary(undefined, {
          adminToken,
          magpieUrls: listOf(magpies),
          parakeetUrl: well.url.href,
          idleTimeout: "3 seconds",
          probeTimeout: "4 seconds",
        })
        const operator = operatorOf(url)
        yield* Effect.forEach(["magpie-1", "magpie-2"] as const, operator.probe)
        yield* well.setFaults([slowly("sick")])

        for (const { fault, isKilled, name } of endings) {
          const before = yield* operator.charged("speeches")
          yield* sick.setFaults([slowly("sick"), fault])
          // As many as both can speak at a time.
          const begun = yield* Effect.forEach(texts(name, "are sick"), (input) => begin(url, input), { concurrency: 8 })
          const waiting = yield* Effect.forkChild(
            Effect.forEach(texts(name, "wait"), (input) => Effect.flatMap(begin(url, input), endOf), {
              concurrency: 8,
            }),
          )
          if (isKilled === true) yield* sick.kill
          const ends = yield* Effect.forEach(begun, endOf, { concurrency: 8 })
          const broken = ends.filter((end) => end === "broken off")
          expect([name, new Set(begun.map(({ response }) => response.status))]).toEqual([name, new Set([200])])
          expect([name, ends.filter((end) => end !== "broken off" && end !== "whole")]).toEqual([name, []])
          // Those of one of the two: four at a time.
          expect([name, broken.length >= 1, broken.length <= 4]).toEqual([name, true, true])
          expect([name, new Set(yield* Fiber.join(waiting))]).toEqual([name, new Set(["whole"])])
          const whole = 16 - broken.length
          yield* eventually(operator.charged("speeches"), (charged) => charged >= before + whole)
          expect([name, yield* operator.charged("speeches")]).toEqual([name, before + whole])

          // What broke off is nowhere kept: it is made from its beginning.
          yield* sick.setFaults([])
          if (isKilled === true) yield* sick.revive
          const first = begun[ends.indexOf("broken off")]!.input
          const again = yield* begin(url, first)
          expect([name, again.response.headers.get("x-cache"), yield* endOf(again)]).toEqual([name, "MISS", "whole"])
          yield* eventually(operator.charged("speeches"), (charged) => charged === before + whole + 1)
          yield* operator.probe("magpie-1")
          yield* eventually(operator.engine("magpie-1"), ({ state }) => state === "healthy")
          yield* operator.restore("magpie-1")
          console.log(
            `${name}: of 8 begun ${broken.length} broke off and ${8 - broken.length} were whole; 8 that waited whole; charged ${whole}`,
          )
        }
      }),
    180_000,
  )
})
