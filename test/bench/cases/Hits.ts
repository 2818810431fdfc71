import { mkdirSync, writeFileSync } from "node:fs"
import { createHash, randomBytes } from "node:crypto"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { Option } from "effect"
import { CacheKey } from "../../../src/cache/CacheKey.ts"
import { encodeFooter } from "../../../src/cache/EntryFormat.ts"
import { type Bench, type Case, roomy } from "../Bench.ts"
import { ask, speechBody } from "../Client.ts"
import { type Asked, calm, drive, full, type Load } from "../Drive.ts"
import { type Gateway, startGateway } from "../Gateway.ts"
import { inTurn, median, warmUp } from "../Turns.ts"
import { charactersFor, newText } from "../Voice.ts"

const path = "/v1/audio/speech"

/** A hit of 32 KiB on a gateway that knows the text. */
const hitOn = async (gateway: Gateway): Promise<Asked> => {
  const input = newText(charactersFor(32_768))
  const body = speechBody(input, "wav")
  await ask({ url: gateway.url + path, key: gateway.key, body })
  return { program: gateway, path, key: gateway.key, body: JSON.parse(body) }
}

/**
 * How much more one costs than the other: the median over pairs of turns next to each other in time, so that what slows the machine
 * slows both.
 */
const pairedRatio = async ({ progress, quick }: Bench, name: string, [a, b]: readonly [Asked, Asked], load: Load) => {
  const rounds = quick ? 1 : 16
  const ratios: Array<number> = []
  for (const one of [a, b]) await drive(one, load, quick ? 1 : 4)
  for (let round = 0; round < rounds; round++) {
    progress(`${name}: ${round + 1}/${rounds}`)
    const swapped = round % 2 === 1
    const first = await drive(swapped ? b : a, load, 1)
    const second = await drive(swapped ? a : b, load, 1)
    ratios.push(swapped ? second.cpuMicros / first.cpuMicros : first.cpuMicros / second.cpuMicros)
  }
  return median(ratios)
}

/** Waits until the gateway has so many voices. */
const listingOf = async ({ key, url }: Gateway, count: number): Promise<void> => {
  const until = Date.now() + 20_000
  for (;;) {
    const response = await fetch(`${url}/v1/audio/voices`, { headers: { authorization: `Bearer ${key}` } })
    const { voices } = (await response.json()) as { readonly voices: ReadonlyArray<unknown> }
    if (voices.length === count) return
    if (Date.now() > until) throw new Error(`the gateway lists ${voices.length} voices, and not ${count}`)
    await sleep(250)
  }
}

/** A gateway whose engine lists as many voices as it is told to. Its second engine never lists any, so that it asks anew every 5 seconds and not once a minute. */
const startListing = async ({ dataDirs, programs }: Bench) => {
  const engine = await programs.node("engine", "engine.ts")
  const gateway = await startGateway(programs, await dataDirs.make(), engine.url, {
    ...roomy,
    AVIARY_MAGPIE_URL: "",
    AVIARY_MAGPIE_URLS: `${engine.url}, ${engine.url}/mute`,
  })
  return {
    hit: await hitOn(gateway),
    list: async (count: number) => {
      await fetch(`${engine.url}/voices/${count}`, { method: "PUT" })
      await listingOf(gateway, count)
    },
    stop: async () => {
      for (const program of [gateway, engine]) await programs.stop(program)
    },
  }
}

const meanOf = (values: ReadonlyArray<number>) => values.reduce((sum, value) => sum + value, 0) / values.length

/**
 * Every request finds its voice among those that the engines list. Two gateways are driven at once, so that what slows the machine slows both, and have the one list
 * and the other in turn: they differ by up to a twentieth with the same list, by how V8 compiled each. One after the other, a second differs from the next by an
 * eighth, and it takes a quarter of an hour to tell as much as two minutes of these do.
 */
export const voices: Case = {
  limited: true,
  name: "voice list",
  run: async (bench) => {
    const { progress, quick } = bench
    const both = [await startListing(bench), await startListing(bench)] as const
    await Promise.all(both.map(({ hit }) => warmUp(hit, full, quick ? 8 : 30)))
    const [periods, turns] = quick ? [2, 4] : [12, 10]
    /** By how much the first costs more than the second: logarithms, of which it does not matter which is which. */
    const more: Array<number> = []
    for (let period = 0; period < periods; period++) {
      const counts = period % 2 === 0 ? ([300, 4] as const) : ([4, 300] as const)
      progress(`voice list: ${counts.join(" and ")} voices, ${period + 1}/${periods}`)
      await Promise.all(both.map(({ list }, index) => list(counts[index]!)))
      const found: Array<number> = []
      for (let turn = 0; turn < turns; turn++) {
        const [first, second] = await Promise.all(both.map(({ hit }) => drive(hit, full, 1)))
        found.push(Math.log(first!.cpuMicros / second!.cpuMicros))
      }
      more.push(meanOf(found) * (period % 2 === 0 ? 1 : -1))
    }
    for (const { stop } of both) await stop()
    return {
      targets: [
        {
          name: "voice list of 300 ids against 4",
          ...{ today: "1.4 ×", unit: "×", atMost: 1.02, aim: 1 },
          value: Math.exp(meanOf(more)),
        },
      ],
    }
  },
}

/** Puts entries into a cache directory that were never asked for. */
const fill = (dataDir: string, count: number) => {
  const layout = join(dataDir, "cache", "v1")
  for (let shard = 0; shard < 256; shard++)
    mkdirSync(join(layout, shard.toString(16).padStart(2, "0")), { recursive: true, mode: 0o700 })
  const audio = randomBytes(512)
  const sha256 = createHash("sha256").update(audio).digest("hex")
  for (let made = 0; made < count; made++) {
    const key = CacheKey.make(randomBytes(32).toString("hex"))
    const described = { contentType: "audio/wav", durationMs: 10, characters: 4, voice: "Mia" }
    const metadata = { ...described, key, keyVersion: 1, length: audio.length, sha256, created: Date.now() }
    const file = Buffer.concat([audio, Option.getOrThrow(encodeFooter(metadata))])
    writeFileSync(join(layout, key.slice(0, 2), key), file, { mode: 0o600 })
  }
}

/** The same hit in a small cache and in a large one. */
export const entries: Case = {
  limited: true,
  name: "entries",
  run: async (bench) => {
    const { dataDirs, engine, programs, progress, quick } = bench
    const counts = quick ? [100, 10_000] : [100, 10_000, 100_000]
    const asked: Array<Asked> = []
    for (const count of counts) {
      progress(`entries: ${count} are made`)
      const dataDir = await dataDirs.make()
      fill(dataDir, count)
      asked.push(await hitOn(await startGateway(programs, dataDir, engine.url, roomy)))
    }
    const pairs: Array<number> = []
    for (const [index, one] of asked.slice(1).entries())
      pairs.push(await pairedRatio(bench, `entries: ${counts[index + 1]} against 100`, [one, asked[0]!], full))
    for (const { program } of asked) await programs.stop(program)
    const worst = (Math.max(...pairs) - 1) * 100
    return {
      values: pairs.map((ratio, index) => ({
        name: `a hit with ${counts[index + 1]} entries against 100`,
        value: `${ratio.toFixed(3)} ×`,
      })),
      targets: [
        {
          name: `cost per hit from 100 to ${counts.at(-1)} entries`,
          ...{ today: "–", unit: "% more", atMost: 10, aim: 2 },
          value: Math.max(0, worst),
        },
      ],
    }
  },
}

/** The same hits with a key, and without where none is asked for. Both are charged. */
export const keys: Case = {
  name: "keys on and off",
  run: async (bench) => {
    const { dataDirs, engine, gateway, pace, programs, progress } = bench
    const settings = { ...roomy, AVIARY_ACCESS: "open" }
    const open = await startGateway(programs, await dataDirs.make(), engine.url, settings)
    const withoutKey = { ...open, name: "gateway without keys" }
    const asked = [await hitOn(gateway), { ...(await hitOn(open)), program: withoutKey }]
    const onTurn = (turn: string) => progress(`keys on and off: ${turn}`)
    const found = { name: "hit 32 KiB wav, with keys", calm: await inTurn(asked, calm, pace, onTurn) }
    await programs.stop(open)
    return { compared: [found] }
  },
}
