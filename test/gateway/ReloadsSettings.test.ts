/**
 * Whoever runs a gateway gives it another voice's name, a longer text or another pronunciation without cutting anybody off. The file of
 * `--config` is read again at SIGHUP, or when an operator asks; it counts as a whole or not at all, and what needs a restart is said.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { Effect, FileSystem, Schedule } from "effect"
import { join } from "node:path"
import { countedNim } from "../support/countedNim.ts"
import { startProcess } from "../support/gatewayProcess.ts"

const token = "a-token-of-an-operator"

const before = `
max-text-characters = 40
upload-max-bytes = "1 MiB"
shutdown-grace = "10 seconds"
`
const after = `
max-text-characters = 20
upload-max-bytes = 2048
shutdown-grace = "1 second"
queue-length = 0
pronunciations = "PRONUNCIATIONS"

[voices]
butler = "Magpie-Multilingual.EN-US.Leo"

[models]
house = "tts-1"
`

const started = Effect.fnUntraced(function* (within: ReadonlyArray<string> = []) {
  const fs = yield* FileSystem.FileSystem
  const folder = yield* fs.makeTempDirectoryScoped({ prefix: "aviary-reload-" })
  const [config, words] = [join(folder, "aviary.toml"), join(folder, "words.json")]
  yield* fs.writeFileString(config, before)
  yield* fs.writeFileString(words, JSON.stringify({ nginx: "engine x" }))
  const nim = yield* countedNim({})
  const gateway = yield* startProcess(
    {
      AVIARY_DATA_DIR: join(folder, "data"),
      AVIARY_MAGPIE_URL: nim.url.href,
      AVIARY_PARAKEET_URL: nim.url.href,
      AVIARY_ADMIN_TOKEN: token,
      AVIARY_QUEUE_LENGTH: "7",
    },
    ["--config", config],
    within,
  )
  const write = (text: string) => fs.writeFileString(config, text.replace("PRONUNCIATIONS", words))
  return { ...gateway, config, nim, write }
})

type Gateway = Effect.Success<ReturnType<typeof started>>

const said = ({ output }: Gateway, text: string) =>
  Effect.sync(output).pipe(
    Effect.repeat({ until: (all) => all.includes(text), schedule: Schedule.spaced("20 millis") }),
    Effect.timeout("60 seconds"),
  )

const speak = (
  { url }: Gateway,
  asked: { readonly input?: string; readonly voice?: string; readonly model?: string },
) =>
  Effect.promise(async () => {
    const response = await fetch(`${url}/v1/audio/speech`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "tts-1", voice: "alloy", input: "Hello.", response_format: "pcm", ...asked }),
    })
    await response.arrayBuffer()
    return response.status
  })

const upload = ({ url }: Gateway, bytes: number) =>
  Effect.promise(async () => {
    const form = new FormData()
    form.append("model", "whisper-1")
    form.append("file", new Blob([new Uint8Array(bytes)]), "a.wav")
    const response = await fetch(`${url}/v1/audio/transcriptions`, { method: "POST", body: form })
    await response.arrayBuffer()
    return response.status
  })

const admin = ({ url }: Gateway, method: "GET" | "POST", path: string) =>
  Effect.promise(async () => {
    const response = await fetch(`${url}/admin/settings${path}`, {
      method,
      headers: { authorization: `Bearer ${token}` },
    })
    return { status: response.status, body: (await response.json()) as any }
  })

const pty = `
import os, pty, signal, sys
child, terminal = pty.fork()
if child == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
signal.signal(signal.SIGUSR2, lambda *_: os.kill(child, signal.SIGHUP))
hung = False
def hang_up(*_):
    global hung
    hung = True
    os.close(terminal)
signal.signal(signal.SIGTERM, hang_up)
while not hung:
    try:
        os.write(1, os.read(terminal, 65536))
    except OSError:
        if not hung: break
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
`

layer(NodeServices.layer, { excludeTestServices: true })("ReloadsSettings", (it) => {
  it.effect(
    "SIGHUP reads the file again: what can change is in force at once, and the log says what needs a restart",
    () =>
      Effect.gen(function* () {
        const gateway = yield* started()
        expect(yield* speak(gateway, { voice: "butler" })).toBe(400)
        expect(yield* speak(gateway, { model: "house" })).toBe(404)
        expect(yield* speak(gateway, { input: "A text of thirty letters, about" })).toBe(200)
        expect(yield* upload(gateway, 4_096)).not.toBe(413)
        yield* gateway.write(after)
        gateway.signal("SIGHUP")
        yield* said(gateway, "Not before a restart: AVIARY_SHUTDOWN_GRACE.")
        expect(gateway.output()).toContain(
          `The settings were read again from ${gateway.config}: AVIARY_VOICES, AVIARY_PRONUNCIATIONS, AVIARY_MODELS, AVIARY_MAX_TEXT_CHARACTERS, AVIARY_UPLOAD_MAX_BYTES changed.`,
        )
        expect(yield* speak(gateway, { voice: "butler" })).toBe(200)
        expect(yield* speak(gateway, { model: "house" })).toBe(200)
        expect(yield* speak(gateway, { input: "A text of thirty letters, about" })).toBe(400)
        expect(yield* upload(gateway, 4_096)).toBe(413)
        expect(yield* speak(gateway, { input: "Ask nginx." })).toBe(200)
        expect([...gateway.nim.texts.keys()]).toContain("Ask engine x.")

        // What is not valid counts as a whole: the voice in it is not there either.
        yield* gateway.write(after.replace("butler", "cook").replace("= 20\n", "= 0\n"))
        expect(yield* admin(gateway, "POST", "/reload")).toMatchObject({
          status: 422,
          body: {
            error: {
              code: "invalid_settings",
              message: expect.stringContaining(
                `${gateway.config}, line 2: AVIARY_MAX_TEXT_CHARACTERS="0" is not valid`,
              ),
            },
          },
        })
        expect(yield* speak(gateway, { voice: "cook" })).toBe(400)
        yield* gateway.write(after.replace("PRONUNCIATIONS", "nowhere.json"))
        expect((yield* admin(gateway, "POST", "/reload")).body.error.message).toContain(
          'AVIARY_PRONUNCIATIONS="nowhere.json"',
        )
        yield* said(gateway, "The settings stay as they are: AVIARY_PRONUNCIATIONS")
        expect(yield* speak(gateway, { voice: "butler", input: "Hello again." })).toBe(200)

        yield* gateway.write(before)
        expect(yield* admin(gateway, "POST", "/reload")).toEqual({
          status: 200,
          body: {
            file: gateway.config,
            changed: [
              "AVIARY_VOICES",
              "AVIARY_PRONUNCIATIONS",
              "AVIARY_MODELS",
              "AVIARY_MAX_TEXT_CHARACTERS",
              "AVIARY_UPLOAD_MAX_BYTES",
            ],
            needsRestart: [],
          },
        })
        expect(yield* speak(gateway, { voice: "butler", input: "Hello once more." })).toBe(400)
        const { settings } = (yield* admin(gateway, "GET", "")).body
        const one = (name: string) => settings.find((setting: { name: string }) => setting.name === name)
        expect(one("AVIARY_MAX_TEXT_CHARACTERS")).toMatchObject({ value: "40", origin: gateway.config, live: true })
        // The environment of a process cannot change, and wins.
        expect(one("AVIARY_QUEUE_LENGTH")).toMatchObject({ value: "7", origin: "environment" })
        gateway.signal("SIGTERM")
        expect(yield* gateway.exited).toMatchObject({ code: 0 })
      }),
  )

  it.effect("on a terminal SIGHUP reads the file again as well, and stops the gateway once the terminal has gone", () =>
    Effect.gen(function* () {
      const gateway = yield* started(["/usr/bin/python3", "-c", pty])
      gateway.signal("SIGUSR2")
      yield* said(gateway, "nothing has changed")
      expect(yield* speak(gateway, {})).toBe(200)
      gateway.signal("SIGTERM")
      expect(yield* gateway.exited).toEqual({ code: 0, signal: null })
    }),
  )
})
