import { Deferred, Effect } from "effect"
import { createHash } from "node:crypto"
import { Agent } from "node:http"
import { setTimeout as sleep } from "node:timers/promises"
import { countedNim } from "./countedNim.ts"
import { hear, startSeveral } from "./severalGateways.ts"

const text = (name: string) =>
  `Three gateways are asked for this at once, and one of them makes it: ${name}. `.repeat(3).trim()

/** Waits until it holds, however long that takes. */
const until = (holds: () => boolean) =>
  Effect.promise(async () => {
    while (!holds()) await sleep(20)
  })

/**
 * `requests` identical ones at once, spread over three gateways; then the same of another text, whose owner is killed in the middle.
 *
 * @property calls engine calls for the first
 * @property whole answers that ended cleanly, of each; `different` those of them that are not the same bytes as the others
 * @property broken answers of the second that broke off, or never began
 */
export const followFlights = Effect.fnUntraced(function* (requests: number) {
  const [firstGoes, secondGoes] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
  const held = { [text("whole")]: firstGoes, [text("lost")]: secondGoes }
  const begun = new Set<string>()
  const nim = yield* countedNim({
    hold: (asked) =>
      Effect.suspend(() => {
        begun.add(asked)
        const gate = held[asked]
        return gate === undefined ? Effect.void : Deferred.await(gate)
      }),
  })
  const several = yield* startSeveral(3, { AVIARY_ACCESS: "open" }, { nim })
  const { gateways, sql } = several
  // Each learns of the others when it says again that it is there.
  yield* until(() => sql("SELECT count(*) FROM gateways") === "3")
  const all = sql("SELECT max(seen_at) FROM gateways")
  yield* until(() => sql(`SELECT count(*) FROM gateways WHERE seen_at > ${all}`) === "3")

  const ask = (input: string) => {
    const agent = new Agent({ keepAlive: false })
    return Array.from({ length: requests }, (_, index) =>
      hear(agent, `${gateways[index % 3]!.now().url}/v1/audio/speech`, {
        body: { model: "tts-1", voice: "alloy", input, response_format: "mp3" },
      }),
    )
  }
  const digests = (answers: ReadonlyArray<Awaited<ReturnType<typeof hear>>>) => {
    const whole = answers.filter(({ clean }) => clean)
    const kinds = new Map<string, number>()
    for (const { body } of whole) {
      const digest = createHash("sha256").update(body).digest("hex")
      kinds.set(digest, (kinds.get(digest) ?? 0) + 1)
    }
    return { whole: whole.length, different: whole.length - Math.max(0, ...kinds.values()), kinds: kinds.size }
  }

  const whole = text("whole")
  const asking = ask(whole)
  yield* until(() => begun.has(whole))
  yield* Deferred.succeed(firstGoes, undefined)
  const answers = yield* Effect.promise(() => Promise.all(asking))
  const first = { calls: nim.callsOf(whole), ...digests(answers) }

  const lost = text("lost")
  const askingAgain = ask(lost)
  yield* until(() => begun.has(lost))
  // What is done already keeps its row for longer.
  const owner = sql("SELECT url FROM flights WHERE lease_until BETWEEN now_millis() AND now_millis() + 10000")
  const owning = gateways.find(({ now }) => owner.includes(String(now().port)))
  if (owning === undefined) return yield* Effect.die(`no gateway is ${owner}`)
  yield* owning.kill
  yield* Deferred.succeed(secondGoes, undefined)
  const after = yield* Effect.promise(() => Promise.all(askingAgain))
  const second = digests(after)
  // Whoever asks from now on gets it whole.
  const alive = gateways.filter((one) => one !== owning)
  const agent = new Agent()
  const later = yield* Effect.promise(() =>
    Promise.all(
      alive.map(({ now }) =>
        hear(agent, `${now().url}/v1/audio/speech`, {
          body: { model: "tts-1", voice: "alloy", input: lost, response_format: "mp3" },
        }),
      ),
    ),
  )
  agent.destroy()
  const wholeBytes = answers.find(({ clean }) => clean)?.body.length ?? 0
  return {
    first,
    second: {
      ...second,
      broken: after.filter(({ clean }) => !clean).length,
      errors: after.filter(({ status }) => status !== undefined && status !== 200).map(({ status }) => status),
      half: after.filter(({ clean, body }) => clean && body.length < wholeBytes / 2).length,
      calls: nim.callsOf(lost),
    },
    later: later.map(({ clean }) => clean),
  }
})
