import type { Case } from "../Bench.ts"
import { ask, percentile, speechBody } from "../Client.ts"
import { cpuNanos } from "../Usage.ts"
import { bytesOf, newText, sampleRate } from "../Voice.ts"

const formats = ["pcm", "wav", "mp3", "opus", "aac", "flac"]

/** Twenty seconds. */
const characters = 296
const seconds = bytesOf(characters) / 2 / sampleRate

/** What a second of speech costs in each format, over what the request costs anyway. */
export const encoders: Case = {
  name: "encoders",
  run: async ({ gateway, progress, quick }) => {
    const values: Array<{ readonly name: string; readonly value: string }> = []
    for (const format of formats) {
      progress(`encoders: ${format}`)
      const speak = () =>
        ask({ url: `${gateway.url}/v1/audio/speech`, key: gateway.key, body: speechBody(newText(characters), format) })
      const millis: Array<number> = []
      const first = await speak().catch(() => undefined)
      if (first === undefined) continue
      if (!quick) await speak()
      for (let round = 0; round < (quick ? 2 : 10); round++) {
        const before = cpuNanos(gateway.pid)
        await speak()
        millis.push((cpuNanos(gateway.pid) - before) / 1e6)
      }
      const perSecond = percentile(millis) / seconds
      values.push({
        name: `a miss in ${format}`,
        value: `${perSecond.toFixed(2)} ms of CPU for a second of speech: ${(1_000 / perSecond).toFixed(0)} × real time on one core`,
      })
    }
    return { values }
  },
}
