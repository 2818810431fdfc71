import type { Bench, Case } from "../Bench.ts"
import { ask, speechBody } from "../Client.ts"
import { type Asked, calm, full, newName } from "../Drive.ts"
import { type Found, timesBare } from "../Results.ts"
import { inTurn } from "../Turns.ts"
import { charactersFor, newText, textWith } from "../Voice.ts"

const speech = "/v1/audio/speech"
const bodyOf = (input: string, format: string) => JSON.parse(speechBody(input, format)) as object

/** Against what a miss or a hit is held. */
const rivals = ({ nginx, quick }: Bench, own: Asked, nginxPath: string): ReadonlyArray<Asked> => [
  own,
  ...(nginx === undefined || quick ? [] : [{ ...own, program: nginx, path: nginxPath }]),
]

/** The rows that have to be reached, by case. */
const goals: Readonly<Record<string, { readonly today: string; readonly atMost: number; readonly aim: number }>> = {
  "miss 256 KiB wav": { today: "19 ×", atMost: 5, aim: 3 },
  "miss 32 KiB wav": { today: "15 ×", atMost: 6, aim: 4 },
  "hit 256 KiB wav": { today: "36 ×", atMost: 5, aim: 2 },
  "hit 32 KiB wav": { today: "18 ×", atMost: 7, aim: 4 },
}

const compare = async ({ pace, progress, quick }: Bench, name: string, asked: ReadonlyArray<Asked>): Promise<Found> => {
  const goal = goals[name]
  const quietly = await inTurn(asked, calm, pace, (turn) => progress(`${name}: ${turn}`))
  const loudly = quick ? undefined : await inTurn(asked, full, pace, (turn) => progress(`${name}, full load: ${turn}`))
  return {
    compared: [{ name, calm: quietly, ...(loudly && { full: loudly }) }],
    targets: goal === undefined ? [] : [{ name, unit: "×", ...goal, value: timesBare(quietly) }],
  }
}

const miss = (kibibytes: number, format: string): Case => {
  const name = `miss ${kibibytes} KiB ${format}`
  return {
    name,
    limited: name in goals,
    run: async (bench) => {
      const { gateway, proxy } = bench
      const body = bodyOf(textWith(newName, charactersFor(kibibytes * 1_024)), format)
      const bare = { program: proxy, path: "/v1/audio/synthesize_online", body }
      const asked = [
        { program: gateway, path: speech, body, key: gateway.key },
        ...rivals(bench, bare, "/v1/audio/synthesize_online"),
      ]
      return compare(bench, name, asked)
    },
  }
}

const hit = (kibibytes: number, format: string): Case => {
  const name = `hit ${kibibytes} KiB ${format}`
  return {
    name,
    limited: name in goals,
    run: async (bench) => {
      const { gateway, memory } = bench
      const body = bodyOf(newText(charactersFor(kibibytes * 1_024)), format)
      const question = { url: gateway.url + speech, key: gateway.key, body: JSON.stringify(body) }
      await ask(question)
      const { bytes, cache } = await ask(question)
      if (cache !== "HIT") throw new Error(`the second time it was a ${cache}`)
      const path = `/bytes/${bytes}`
      const asked = [
        { program: gateway, path: speech, body, key: gateway.key },
        ...rivals(bench, { program: memory, path, body }, path),
      ]
      return compare(bench, name, asked)
    },
  }
}

/** Misses beside a bare proxy, hits beside a bare server with the bytes in memory. Targets are about wav, whose bytes are the engine's. */
export const transfers: ReadonlyArray<Case> = ["wav", "mp3"].flatMap((format) => [
  miss(256, format),
  miss(32, format),
  hit(256, format),
  hit(32, format),
])
