/**
 * What `npm start`, the command and the image run is built: few files, and each thread has one of its own. What was left out of it is
 * missed only by who asks for what needs it, so all of it is asked for here, of the program as it is installed by npm: away from the
 * source, beside the packages that it names and no others.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { delimiter, dirname, join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, expect, it } from "vitest"
import { formatNames } from "../../src/audio/format/AudioFormat.ts"
import { installPacked } from "../support/packed.ts"
import { nemoTransducer, piper } from "../support/tinyModels.ts"
import { read, root, sources } from "./Tree.ts"

const adminToken = "the-admin-token-of-a-test"
const clip = (ending: string) => readFileSync(join(root, `test/support/audio/sense-and-sensibility-0930.${ending}`))

let installed: ReturnType<typeof installPacked>
const running: Array<() => Promise<unknown>> = []
const seen = () => join(installed.home, "started")

beforeAll(() => {
  installed = installPacked()
  writeFileSync(seen(), "")
})

afterAll(async () => {
  for (const stop of running) await stop()
  installed?.remove()
})

/** The command with `args`, until it says where it listens. */
const start = async (args: ReadonlyArray<string>, settings: Readonly<Record<string, string>>) => {
  const dataDir = join(installed.home, `data-${running.length}`)
  mkdirSync(dataDir)
  const child = spawn(installed.command, args, {
    cwd: installed.home,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      PATH: [dirname(process.execPath), process.env["PATH"]].join(delimiter),
      NODE_OPTIONS: `--import ${fileURLToPath(new URL("../support/startedWorkers.ts", import.meta.url))}`,
      STARTED_WORKERS: seen(),
      AVIARY_PORT: "0",
      AVIARY_DATA_DIR: dataDir,
      AVIARY_ADMIN_TOKEN: adminToken,
      AVIARY_PROBE_INTERVAL: "1 day",
      ...settings,
    },
  })
  const closed = once(child, "close")
  running.push(() => (child.kill("SIGKILL"), closed))
  let output = ""
  const url = await new Promise<string>((resolve, reject) => {
    const said = (text: string) => {
      output += text
      const found = /(http:\/\/127\.0\.0\.1:\d+)/.exec(output)?.[1]
      if (found !== undefined) resolve(found)
    }
    child.stdout.setEncoding("utf8").on("data", said)
    child.stderr.setEncoding("utf8").on("data", said)
    closed.then(() => reject(new Error(output)), reject)
  })
  return { url, output: () => output }
}

const speak = async (url: string, body: object) => {
  const answer = await fetch(`${url}/v1/audio/speech`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "tts-1", voice: "alloy", input: "The birds are **singing**.", ...body }),
  })
  return { status: answer.status, bytes: await answer.bytes() }
}

const transcribe = async (url: string, name: string, fields: Readonly<Record<string, string>> = {}) => {
  const form = new FormData()
  form.set("file", new Blob([clip(name)]), `clip.${name}`)
  for (const [field, value] of Object.entries({ model: "whisper-1", ...fields })) form.set(field, value)
  const answer = await fetch(`${url}/v1/audio/transcriptions`, { method: "POST", body: form })
  return (await answer.json()) as { readonly text: string; readonly words?: ReadonlyArray<unknown> }
}

const get = async (url: string) => {
  const answer = await fetch(url, { headers: { accept: "text/html", authorization: `Bearer ${adminToken}` } })
  return [answer.status, await answer.text()] as const
}

it("speaks every format at every speed, hears, takes JSON, and shows its pages", async () => {
  const { output, url } = await start([], { AVIARY_EMBEDDED_RECOGNIZER: "tiny" })
  for (const response_format of formatNames) {
    const { bytes, status } = await speak(url, { response_format, speed: 1.25 })
    expect([response_format, status, bytes.length > 2_000]).toEqual([response_format, 200, true])
  }
  for (const ending of ["wav", "mp3", "flac", "ogg"]) {
    expect((await transcribe(url, ending)).text).toContain("made amiable himself")
  }
  const timed = { response_format: "verbose_json", "timestamp_granularities[]": "word" }
  expect((await transcribe(url, "wav", timed)).words?.length).toBeGreaterThan(5)
  const json = await fetch(`${url}/v1/audio/transcriptions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "whisper-1", input_audio: { data: clip("wav").toString("base64"), format: "wav" } }),
  })
  expect(await json.text()).toContain("made amiable himself")

  expect((await get(url))[1]).toContain("<script")
  expect((await get(`${url}/console/main.js`))[1]).toContain('from "./preact.js"')
  expect((await get(`${url}/console/uplot.js`))[0]).toBe(200)
  expect((await get(`${url}/docs`))[1]).toContain("swagger")
  expect(JSON.parse((await get(`${url}/openapi.json`))[1]).info.title).toBe("Aviary")
  expect((await get(`${url}/metrics`))[0]).toBe(200)
  expect(output()).not.toMatch(/WARN|ERROR/)
})

it("speaks and hears with models from a folder", async () => {
  const { url } = await start([], {
    AVIARY_MAGPIE_MODEL_DIR: piper(join(installed.home, "voice")),
    AVIARY_PARAKEET_MODEL_DIR: nemoTransducer(join(installed.home, "recognizer")),
  })
  expect((await speak(url, {})).status).toBe(200)
  expect((await transcribe(url, "wav")).text).toContain("bird")
})

it("is the NIM that another one is tried against, and is told what is wrong", async () => {
  const nim = await start(["nim", "--port", "0"], {})
  expect((await get(`${nim.url}/v1/health/ready`))[0]).toBe(200)
  const printed = installed.run(installed.command, "check")
  expect(printed).toMatch(/^settings +ok/m)
  expect(installed.run(installed.command, "--version")).toContain(JSON.parse(read("package.json")).version)
})

it("each worker of the source was one of the program's in this", () => {
  const workers = sources
    .filter((path) => path.endsWith("Worker.ts"))
    .map((path) => path.replace(/^src\/(.*)ts$/, "$1js"))
  const started = readFileSync(seen(), "utf8").trim().split("\n")
  const here = join(installed.folder, "program")
  const threads = started.filter((path) => path !== installed.command).map((path) => relative(here, path))
  expect(new Set(threads)).toEqual(new Set(workers))
})

it("the texts of the licences of what is inside come along", () => {
  const texts = readFileSync(join(installed.folder, "program", "LICENSES.txt"), "utf8")
  for (const name of ["effect", "undici", "bonjour-service"]) expect(texts).toMatch(new RegExp(`^# ${name} `, "m"))
})
