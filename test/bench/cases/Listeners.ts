import { type Bench, type Case, roomy } from "../Bench.ts"
import { ask, percentile, speechBody } from "../Client.ts"
import { startGateway } from "../Gateway.ts"
import { memoryOf } from "../Usage.ts"
import { newText, charactersFor } from "../Voice.ts"

const mebibytes = (bytes: number) => bytes / 1_048_576
const name = "1,000 paced listeners"
const listeners = 1_000
const speeches = 21

/** MP3 at 64 kbit/s, as it is heard. */
const bytesASecond = 8_000
const pcmBytesASecond = 44_100

const gatewayFor = async ({ dataDirs, engine, programs }: Bench, settings: Readonly<Record<string, string>> = {}) =>
  startGateway(programs, await dataDirs.make(), engine.url, { ...roomy, AVIARY_QUEUE_LENGTH: "1000", ...settings })

/** Half of them hear one speech, the others twenty more, at the pace at which it is spoken. */
export const listening: Case = {
  limited: true,
  name,
  run: async (bench) => {
    const { programs, progress, quick } = bench
    progress(`${name} begin`)
    const gateway = await gatewayFor(bench)
    const idle = memoryOf(gateway.pid).now
    const characters = charactersFor((quick ? 4 : 20) * pcmBytesASecond)
    const texts = Array.from({ length: speeches }, () => newText(characters))
    let done = 0
    const heard = await Promise.allSettled(
      Array.from({ length: listeners }, async (_, listener) => {
        const index = listener % 2 === 0 ? 0 : 1 + ((listener >> 1) % (speeches - 1))
        const body = speechBody(texts[index]!, "mp3")
        const answer = await ask({ url: `${gateway.url}/v1/audio/speech`, key: gateway.key, body, pace: bytesASecond })
        if (++done % 50 === 0) progress(`${name}: ${done} have heard all`)
        return { ...answer, index }
      }),
    )
    const { peak } = memoryOf(gateway.pid)
    await programs.stop(gateway)
    const whole = heard.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []))
    const versions = new Set(whole.map(({ index, sha256 }) => `${index} ${sha256}`)).size
    const complete = whole.length === listeners && versions === speeches
    const first = percentile(whole.map(({ firstByteMs }) => firstByteMs))
    return {
      values: [
        {
          name,
          value: `${whole.length} heard all, ${versions} speeches; first byte after ${first.toFixed(0)} ms (p50); ${mebibytes(idle).toFixed(0)} MiB before, ${mebibytes(peak).toFixed(0)} MiB at most`,
        },
      ],
      targets: [
        {
          ...{ name: `${name}, resident memory`, today: "293 MiB", unit: "MiB", atMost: 250, aim: 150 },
          ...(complete ? { value: mebibytes(peak) } : { why: "not all heard all" }),
        },
      ],
    }
  },
}

/** They ask for the same new text at once. */
export const identical: Case = {
  name: "200 identical at once",
  run: async ({ gateway, progress, quick }) => {
    const rounds = quick ? 2 : 6
    const totals: Array<number> = []
    let roles = ""
    for (let round = 0; round < rounds; round++) {
      progress(`200 identical at once: ${round + 1}/${rounds}`)
      const body = speechBody(newText(charactersFor(262_144)), "wav")
      const answers = await Promise.all(
        Array.from({ length: 200 }, () => ask({ url: `${gateway.url}/v1/audio/speech`, key: gateway.key, body })),
      )
      totals.push(Math.max(...answers.map(({ lastByteMs }) => lastByteMs)))
      const count = (role: string) => answers.filter(({ cache }) => cache === role).length
      roles = `${count("MISS")} MISS, ${count("COALESCED")} COALESCED, ${count("HIT")} HIT`
    }
    return {
      values: [
        {
          name: "200 identical at once, 256 KiB wav",
          value: `${roles}; all have it after ${percentile(totals).toFixed(0)} ms`,
        },
      ],
    }
  },
}
