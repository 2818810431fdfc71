/**
 * Hours of speech through a gateway with the engine inside: prints its resident memory as it goes, and how many words differ from
 * those of the clips that the recording is made of, each heard alone; with `times` whether those of segments ever go back or leave
 * the recording. Needs ffmpeg.
 *
 *     node test/scripts/longRecording.ts 30        # minutes
 *     node test/scripts/longRecording.ts 180 times
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { mkdtempSync, openAsBlob, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { request } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Readable } from "node:stream"
import { wavHeader, wavHeaderBytes } from "../../src/audio/WavHeader.ts"
import { program, withThisNode } from "../support/gatewayProcess.ts"
import { seededRandom } from "../support/seededRandom.ts"
import { wordErrors, words } from "../support/wordErrors.ts"

const minutes = Number(process.argv[2] ?? 30)
const folder = mkdtempSync(join(tmpdir(), "aviary-long-"))

const clip = (name: string) =>
  readFileSync(new URL(`../support/audio/${name}.wav`, import.meta.url)).subarray(wavHeaderBytes)
const clips = [clip("sense-and-sensibility-0870"), clip("sense-and-sensibility-0930")]

/** Clips with pauses of 0.2 to 1.2 seconds between, and now and then one of 20. */
const made = (seconds: number) => {
  const below = seededRandom(7)
  const pieces: Array<Buffer> = []
  let bytes = 0
  let said = 0
  while (bytes < seconds * 32_000) {
    const pause = below(50) === 0 ? 20 : 0.2 + below(1_000) / 1_000
    const next = [clips[said % clips.length]!, Buffer.alloc(2 * Math.round(pause * 16_000))]
    said += 1
    pieces.push(...next)
    bytes += next[0]!.length + next[1]!.length
  }
  const wav = join(folder, "long.wav")
  writeFileSync(wav, Buffer.concat([wavHeader(16_000, bytes), ...pieces]))
  const ogg = join(folder, "long.ogg")
  const opus = ["-c:a", "libopus", "-b:a", "16k", "-application", "voip"]
  execFileSync("ffmpeg", ["-y", "-loglevel", "error", "-i", wav, ...opus, ogg])
  rmSync(wav)
  return { path: ogg, said, seconds: bytes / 32_000 }
}

const started = async (): Promise<{ readonly child: ChildProcess; readonly url: string }> => {
  const child = spawn(program, {
    stdio: ["ignore", "pipe", "inherit"],
    env: {
      ...{ PATH: withThisNode, AVIARY_PORT: "0", AVIARY_DATA_DIR: join(folder, "data") },
      ...{ AVIARY_EMBEDDED_RECOGNIZER: "tiny", AVIARY_PROBE_INTERVAL: "1 day", AVIARY_LOG_LEVEL: "warn" },
    },
  })
  let output = ""
  for await (const text of child.stdout.setEncoding("utf8") as AsyncIterable<string>) {
    output += text
    const url = /(http:\/\/127\.0\.0\.1:\d+)/.exec(output)?.[1]
    if (url !== undefined) return { child, url }
  }
  throw new Error(output)
}

const residentMb = (pid: number) =>
  Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1_024)

const form = async (path: string, fields: Record<string, string>) => {
  const body = new FormData()
  body.append("file", await openAsBlob(path), "speech")
  for (const [name, value] of Object.entries({ model: "gpt-4o-transcribe", ...fields })) body.append(name, value)
  return body
}

const events = async function* (response: Response) {
  let rest = ""
  for await (const piece of response.body!.pipeThrough(new TextDecoderStream())) {
    const all = (rest + piece).split("\n\n")
    rest = all.pop()!
    for (const one of all) {
      if (one.startsWith("data: ")) yield JSON.parse(one.slice(6)) as { type: string; delta?: string; text?: string }
    }
  }
}

const ask = async (url: string, file: string, fields: Record<string, string>) =>
  fetch(`${url}/v1/audio/transcriptions`, { method: "POST", body: await form(file, fields) })

/** Asks for the transcript in events: memory as it goes, and what was heard in all. */
const hear = async (url: string, path: string, expected: ReadonlyArray<string>, pid: number) => {
  const startedAt = performance.now()
  let heard = 0
  let text = ""
  const memory: Array<number> = []
  for await (const event of events(await ask(url, path, { stream: "true" }))) {
    if (event.type === "transcript.text.done") {
      console.log(`done says the same as the deltas: ${event.text === text}`)
      continue
    }
    if (heard === 0) console.log(`first delta after ${Math.round(performance.now() - startedAt)} ms`)
    text += event.delta
    heard += words(event.delta ?? "").length
    if (heard >= ((memory.length + 1) * expected.length) / 12) {
      memory.push(residentMb(pid))
      const at = Math.round((performance.now() - startedAt) / 1_000)
      console.log(`${at} s: ${heard} of ${expected.length} words, resident ${memory.at(-1)} MB`)
    }
  }
  console.log(`words wrong, missing or too many: ${wordErrors(expected.join(" "), text)} of ${expected.length}`)
  const most = Math.max(...memory)
  console.log(`resident from the first twelfth to the last: ${memory[0]} MB, ${memory.at(-1)} MB, at most ${most} MB`)
}

/** By hand: Node's `fetch` gives up after five minutes without an answer, and this one comes whole. */
const verbose = async (url: string, path: string): Promise<string> => {
  const { body, headers } = new Response(await form(path, { response_format: "verbose_json" }))
  const type = headers.get("content-type")!
  return new Promise((resolve, reject) => {
    const options = { method: "POST", headers: { "content-type": type } }
    const asked = request(`${url}/v1/audio/transcriptions`, options, (response) => {
      let text = ""
      response.setEncoding("utf8").on("data", (piece: string) => void (text += piece))
      response.once("end", () => resolve(text)).once("error", reject)
    })
    asked.once("error", reject)
    Readable.fromWeb(body as never).pipe(asked)
  })
}

/** Asks for segments: whether their times go on, what was heard in all, and memory while it waits. */
const times = async (url: string, path: string, expected: ReadonlyArray<string>, pid: number) => {
  const startedAt = performance.now()
  const memory: Array<number> = []
  const watch = setInterval(() => {
    memory.push(residentMb(pid))
    console.log(`${Math.round((performance.now() - startedAt) / 1_000)} s: resident ${memory.at(-1)} MB`)
  }, 30_000)
  const answer = await verbose(url, path)
  clearInterval(watch)
  const { duration, segments, text } = JSON.parse(answer) as {
    duration: number
    segments: ReadonlyArray<{ start: number; end: number }>
    text: string
  }
  const back = segments.filter(({ start }, i) => i > 0 && start < segments[i - 1]!.end).length
  const out = segments.filter(({ end, start }) => start < 0 || end > duration || end < start).length
  console.log(
    `${segments.length} segments of ${duration} s: ${back} begin before the one before ended, ${out} lie outside`,
  )
  console.log(`words wrong, missing or too many: ${wordErrors(expected.join(" "), text)} of ${expected.length}`)
  console.log(`resident first, last, at most: ${memory[0]} MB, ${memory.at(-1)} MB, ${Math.max(...memory)} MB`)
}

const run = async () => {
  const { path, said, seconds } = made(minutes * 60)
  console.log(`${Math.round(seconds)} s of speech, ${said} clips, ${statSync(path).size} bytes of Opus`)
  const { child, url } = await started()
  process.on("exit", () => child.kill("SIGKILL"))
  const alone = await Promise.all(
    clips.map(async (samples, i) => {
      const file = join(folder, `${i}.wav`)
      writeFileSync(file, Buffer.concat([wavHeader(16_000, samples.length), samples]))
      return words(((await (await ask(url, file, {})).json()) as { text: string }).text)
    }),
  )
  console.log(`heard alone: ${alone.map((one) => one.join(" ")).join(" | ")}`)
  const expected = Array.from({ length: said }, (_, i) => alone[i % alone.length]!).flat()
  console.log(`resident before: ${residentMb(child.pid!)} MB`)
  await (process.argv.includes("times") ? times : hear)(url, path, expected, child.pid!)
  child.kill("SIGTERM")
  rmSync(folder, { recursive: true, force: true })
}

await run()
process.exit(0)
