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
 * `requests` identical ones at once, spread over three gateways; then the same of another text, whose owner stands still before it has any of
 * it, and of a third, whose owner is killed in the middle.
 *
 * @property calls engine calls for it
 * @property whole answers that ended cleanly, of each; `different` those of them that are not the same bytes as the others
 * @property meanwhile whole answers of the others while the owner stood still
 * @property broken answers of the third that broke off, or never began
 */
export const followFlights = Effect.fnUntraced(function* (requests: number) {
  const [firstGoes, secondGoes, silentGoes] = yield* Effect.all([
    Deferred.make<void>(),
    Deferred.make<void>(),
    Deferred.make<void>(),
  ])
  const held = { [text("whole")]: firstGoes, [text("lost")]: secondGoes }
  const begun = new Set<string>()
  const silent = text("silent")
  const nim = yield* countedNim({
    begin: (asked) => {
      if (asked !== silent) return Effect.void
      begun.add(asked)
      return Deferred.await(silentGoes)
    },
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

  const ask = (input: string, over: () => void = () => {}) => {
    const agent = new Agent({ keepAlive: false })
    return Array.from({ length: requests }, (_, index) =>
      hear(agent, `${gateways[index % 3]!.now().url}/v1/audio/speech`, {
        body: { model: "tts-1", voice: "alloy", input, response_format: "mp3" },
      }).finally(over),
    )
  }
  const flights = () => new Set(sql("SELECT key FROM flights").split("\n"))
  /** Which gateway makes what was not made `before`. */
  const owning = Effect.fnUntraced(function* (before: ReadonlySet<string>) {
    const [key] = [...flights()].filter((one) => !before.has(one))
    const owner = sql(`SELECT url FROM flights WHERE key = '${key}'`)
    const found = gateways.find(({ now }) => owner.includes(String(now().port)))
    return found ?? (yield* Effect.die(`no gateway is ${owner}`))
  })
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

  let answered = 0
  const beforeSilent = flights()
  const askingSilent = ask(silent, () => answered++)
  yield* until(() => begun.has(silent))
  const still = yield* owning(beforeSilent)
  still.now().signal("SIGSTOP")
  yield* Deferred.succeed(silentGoes, undefined)
  const others = askingSilent.filter((_, index) => gateways[index % 3] !== still).length
  yield* until(() => answered >= others)
  const meanwhile = answered
  still.now().signal("SIGCONT")
  const silentAnswers = yield* Effect.promise(() => Promise.all(askingSilent))
  const fallen = { others, meanwhile, ...digests(silentAnswers) }

  const lost = text("lost")
  const beforeLost = flights()
  const askingAgain = ask(lost)
  yield* until(() => begun.has(lost))
  const killed = yield* owning(beforeLost)
  yield* killed.kill
  yield* Deferred.succeed(secondGoes, undefined)
  const after = yield* Effect.promise(() => Promise.all(askingAgain))
  const second = digests(after)
  // Whoever asks from now on gets it whole.
  const alive = gateways.filter((one) => one !== killed)
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
    fallen,
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
