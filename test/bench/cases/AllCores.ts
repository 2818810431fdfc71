import { type Bench, type Case, roomy } from "../Bench.ts"
import { ask, speechBody } from "../Client.ts"
import { type Asked, drive, full, newName, type Turn } from "../Drive.ts"
import { type Gateway, launchGateway, startGateway } from "../Gateway.ts"
import { median } from "../Turns.ts"
import { charactersFor, newText, textWith } from "../Voice.ts"

const name = "two processes"
const path = "/v1/audio/speech"
const characters = charactersFor(32_768)

/** What all of `asked` carry at the same time: requests a second together, and microseconds of CPU for each. */
const together = async (asked: ReadonlyArray<Asked>, seconds: number) => {
  const turns: ReadonlyArray<Turn> = await Promise.all(asked.map((one) => drive(one, full, seconds)))
  const requests = turns.reduce((sum, turn) => sum + turn.requests, 0)
  return {
    perSecond: turns.reduce((sum, turn) => sum + turn.perSecond, 0),
    cpuMicros: turns.reduce((sum, turn) => sum + turn.cpuMicros * turn.requests, 0) / requests,
  }
}

/** One gateway against two on the same data directory, by turns. */
const compare = async ({ progress, quick }: Bench, what: string, asked: readonly [Asked, Asked]) => {
  const [rounds, seconds] = quick ? [1, 2] : [5, 4]
  const found = [asked.slice(0, 1), asked].map((some) => ({
    some,
    turns: [] as Array<Awaited<ReturnType<typeof together>>>,
  }))
  for (const one of asked) await drive(one, full, seconds)
  for (let round = 0; round < rounds; round++) {
    progress(`${name}, ${what}: ${round + 1}/${rounds}`)
    for (const { some, turns } of found) turns.push(await together(some, seconds))
  }
  const of = (index: number, field: "perSecond" | "cpuMicros") => median(found[index]!.turns.map((turn) => turn[field]))
  const side = (index: number) =>
    `${of(index, "perSecond").toFixed(0)} a second at ${of(index, "cpuMicros").toFixed(0)} µs`
  const times = (of(1, "perSecond") / of(0, "perSecond")).toFixed(2)
  return { name: `${what}, one process and two on its data directory`, value: `${side(0)}; ${side(1)}: ${times} ×` }
}

/** What a second gateway on the same ledger and cache adds. Both are driven as fast as they go. */
export const allCores: Case = {
  name,
  run: async (bench) => {
    const { dataDirs, engine, programs, progress } = bench
    progress(`${name} start`)
    const dataDir = await dataDirs.make()
    const one = await startGateway(programs, dataDir, engine.url, roomy)
    const two: Gateway = { ...(await launchGateway(programs, dataDir, engine.url, roomy)), key: one.key }
    const known = speechBody(newText(characters), "wav")
    for (const { key, url } of [one, two]) await ask({ url: url + path, key, body: known })
    const askedFor = (body: string): readonly [Asked, Asked] => {
      const of = (program: Gateway): Asked => ({ program, path, key: program.key, body: JSON.parse(body) })
      return [of(one), of(two)]
    }
    const values = [
      await compare(bench, "hits of 32 KiB", askedFor(known)),
      await compare(bench, "misses of 32 KiB", askedFor(speechBody(textWith(newName, characters), "wav"))),
    ]
    await programs.stop(one)
    await programs.stop(two)
    return { values }
  },
}
