import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { type Case, roomy } from "../Bench.ts"
import { ask } from "../Client.ts"
import { calm } from "../Drive.ts"
import { startGateway } from "../Gateway.ts"
import { inTurn } from "../Turns.ts"
import { forgetPeak, memoryOf } from "../Usage.ts"
import { transcriptionForm, wavFile } from "../Wav.ts"

const path = "/v1/audio/transcriptions"
const large = 25_000_000
const mebibytes = (bytes: number) => bytes / 1_048_576

/** Eight large recordings arrive at once, in a gateway that has heard one of them: its threads are there. */
export const uploads: Case = {
  limited: true,
  name: "8 × 25 MB uploads",
  run: async ({ dataDirs, engine, programs, progress, quick }) => {
    const gateway = await startGateway(programs, await dataDirs.make(), engine.url, roomy)
    const url = gateway.url + path
    const form = transcriptionForm(wavFile(large, { rate: 48_000, channels: 2 }))
    await ask({ url, key: gateway.key, ...form })
    const growths: Array<number> = []
    const before = memoryOf(gateway.pid).now
    for (let round = 0; round < (quick ? 1 : 3); round++) {
      progress(`8 × 25 MB uploads: round ${round + 1}`)
      forgetPeak(gateway.pid)
      await Promise.all(Array.from({ length: 8 }, () => ask({ url, key: gateway.key, ...form })))
      growths.push(memoryOf(gateway.pid).peak - before)
    }
    await programs.stop(gateway)
    return {
      values: [
        {
          name: "8 × 25 MB uploads at once",
          value: `${mebibytes(before).toFixed(0)} MiB before; at most ${growths.map((growth) => mebibytes(growth).toFixed(0)).join(", ")} MiB more`,
        },
      ],
      targets: [
        {
          name: "8 × 25 MB uploads, growth of memory",
          ...{ today: "–", unit: "MiB", atMost: 64, aim: 24 },
          value: mebibytes(Math.max(...growths)),
        },
      ],
    }
  },
}

/** A recording of three seconds, transcribed by an engine that takes no time. */
export const transcription: Case = {
  name: "transcription, instant engine",
  run: async ({ dataDirs, engine, gateway, pace, progress }) => {
    const { body, contentType } = transcriptionForm(wavFile(100_000, { rate: 16_000, channels: 1 }))
    const bodyFile = join(await dataDirs.make(), "form")
    await writeFile(bodyFile, body)
    const asked = [
      { program: gateway, path, bodyFile, contentType, key: gateway.key },
      // The engine reads it and answers: all that has to be done.
      { program: engine, path, bodyFile, contentType },
    ]
    const name = "transcription of 100 KB wav"
    return { compared: [{ name, calm: await inTurn(asked, calm, pace, (turn) => progress(`${name}: ${turn}`)) }] }
  },
}
