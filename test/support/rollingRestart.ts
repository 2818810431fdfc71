import { Effect } from "effect"
import { Agent } from "node:http"
import { setTimeout as sleep } from "node:timers/promises"
import { hear, startSeveral } from "./severalGateways.ts"

/**
 * Three gateways under load are stopped and started one after the other, so many rounds. A request that no gateway has begun to answer is
 * given to the next, as a load balancer does.
 *
 * @property whole answers; `moved` requests that found their gateway stopping, and were given to another
 * @property failed requests that were never answered well, though none of their answers had begun; `cut` answers that broke off
 */
export const rollOver = Effect.fnUntraced(function* (rounds: number, atOnce: number) {
  const several = yield* startSeveral(3, { AVIARY_ACCESS: "open", AVIARY_QUEUE_LENGTH: "1000" })
  const { gateways } = several
  let over = false
  const figures = { whole: 0, moved: 0, cut: 0, failed: [] as Array<string>, restarts: 0 }
  let number = 0

  const client = async (own: number) => {
    const agent = new Agent({ keepAlive: false })
    while (!over) {
      const asked = number++
      const input = `The gateways are replaced one after the other, and nobody hears of it. ${asked % 50}`
      let last = ""
      for (let tries = 0; ; tries++) {
        const { url } = gateways[(own + asked + tries) % gateways.length]!.now()
        const heard = await hear(agent, `${url}/v1/audio/speech`, {
          body: { model: "tts-1", voice: "alloy", input, response_format: "mp3" },
          headers: { "idempotency-key": `roll ${asked}`, ...(asked % 3 === 0 ? { "cache-control": "no-cache" } : {}) },
        })
        if (heard.clean) {
          figures.whole++
          break
        }
        if (heard.status === 200) {
          figures.cut++
          break
        }
        last = `${heard.status} ${heard.body.toString().slice(0, 200)}`
        const isElsewhere = heard.status === undefined || heard.status === 503
        if (!isElsewhere || tries > 20) {
          figures.failed.push(last)
          break
        }
        if (tries === 0) figures.moved++
        await sleep(20)
      }
    }
    agent.destroy()
  }
  const clients = Promise.all(Array.from({ length: atOnce }, (_, own) => client(own)))
  for (let round = 0; round < rounds; round++) {
    for (const { now, start } of gateways) {
      yield* Effect.sleep("1 second")
      now().signal("SIGTERM")
      const ended = yield* now().exited
      if (ended.code !== 0) figures.failed.push(`a gateway ended with ${ended.code ?? ended.signal}`)
      yield* start
      figures.restarts++
    }
  }
  over = true
  yield* Effect.promise(() => clients)
  return figures
})
