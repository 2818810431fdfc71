/**
 * Who would rather hear another voice than an error lets the engine inside answer while no server does. It must never pass for the real
 * one: it is said in a header and in the log, what it makes is no entry of theirs nor theirs of it, what it cannot do is refused as
 * without it, and it is charged for once.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { Context, Effect, Layer, Logger } from "effect"
import { readFileSync } from "node:fs"
import { postSpeech, startAviary } from "../support/aviary.ts"
import { eventually } from "../support/listeningNim.ts"
import { adminToken, operatorOf, startMember } from "../support/pairOfEngines.ts"

const clip = new Uint8Array(readFileSync(new URL("../../src/health/probe.wav", import.meta.url)))

/** What a client sees of a speech. */
const speak = Effect.fnUntraced(function* (
  url: string,
  input: string,
  asked: { readonly voice?: string; readonly language?: string; readonly key?: string } = {},
) {
  const { key, ...fields } = asked
  const headers = key === undefined ? {} : { headers: { "idempotency-key": key } }
  const response = yield* postSpeech(url, { input, response_format: "pcm", ...fields }, headers)
  const body = Buffer.from(yield* Effect.promise(() => response.arrayBuffer()))
  return {
    status: response.status,
    cache: response.headers.get("x-cache"),
    engine: response.headers.get("x-aviary-engine"),
    audio: response.status === 200 ? body.toString("base64") : "",
    code: response.status === 200 ? "" : (JSON.parse(String(body)) as { error: { code: string } }).error.code,
  }
})

/** The same of a transcription, translation or stream of events. */
const hear = (url: string, fields: Record<string, string> = {}, route = "transcriptions") =>
  Effect.promise(async (signal) => {
    const form = new FormData()
    for (const [name, value] of Object.entries({ model: "whisper-1", ...fields })) form.set(name, value)
    form.set("file", new Blob([clip]), "clip.wav")
    const response = await fetch(`${url}/v1/audio/${route}`, { method: "POST", body: form, signal })
    const text = await response.text()
    return { status: response.status, engine: response.headers.get("x-aviary-engine"), text }
  })

const ready = (url: string, half = "") =>
  Effect.promise(async (signal) => {
    const response = await fetch(`${url}/health/ready${half}`, { signal })
    const { engines, status } = (await response.json()) as {
      readonly status: string
      readonly engines: Record<"magpie" | "parakeet", { readonly fallback?: string; readonly ready: boolean }>
    }
    return { code: response.status, status, ready: engines.magpie.ready, fallback: engines.magpie.fallback }
  })

const inside = {
  speech: 'embedded; model="flite-fallback"; voice="Flite.EN-US.RMS"',
  hearing: 'embedded; model="moonshine-tiny-fallback"',
}

/** A gateway before one engine of each kind, in the same server, that can be killed; what it logs. */
const start = Effect.fnUntraced(function* (fallback: "none" | "embedded") {
  const member = yield* startMember()
  const log: Array<string> = []
  const logger = Logger.map(Logger.formatLogFmt, (line) => void log.push(line))
  const settings = { adminToken, fallback, embeddedRecognizer: "tiny", parakeetRestart: member.restart }
  const { url } = yield* startAviary(member, settings, { loggers: [logger] })
  const operator = operatorOf(url)
  const isBack = Effect.forEach(["magpie", "parakeet"] as const, (engine) =>
    Effect.andThen(
      operator.probe(engine),
      eventually(operator.engine(engine), ({ state }) => state === "healthy"),
    ),
  )
  return { member, log, url, operator, isBack }
})

class Started extends Context.Service<Started, Effect.Success<ReturnType<typeof start>>>()("test/LastResort") {}

/** One gateway for all of these tests: each leaves its engine healthy. */
const started = Layer.effect(Started, start("embedded")).pipe(Layer.provideMerge(NodeServices.layer))

layer(started, { excludeTestServices: true, timeout: "2 minutes" })("LastResort", (it) => {
  it.effect(
    "while no engine can answer, the one inside does: said to client, log, metrics and readiness, and kept apart",
    () =>
      Effect.gen(function* () {
        const { isBack, log, member, operator, url } = yield* Started
        const real = yield* speak(url, "Said before.")
        expect([real.status, real.engine, real.cache]).toEqual([200, null, "MISS"])
        expect((yield* hear(url)).engine).toBe(null)
        expect(yield* ready(url)).toMatchObject({ code: 200, status: "ready", fallback: undefined })

        yield* member.kill
        expect(yield* speak(url, "Said before.")).toEqual({ ...real, cache: "HIT" })
        const substitute = yield* speak(url, "Said meanwhile.")
        expect(substitute).toMatchObject({ status: 200, engine: inside.speech, cache: "MISS" })
        expect(yield* speak(url, "Said meanwhile.")).toEqual({ ...substitute, cache: "HIT" })
        const unknown = yield* speak(url, "Said by somebody else.", { voice: "Magpie-Multilingual.EN-US.Jason" })
        expect([unknown.status, unknown.engine]).toEqual([200, inside.speech])
        const heard = yield* hear(url)
        expect([heard.status, heard.engine]).toEqual([200, inside.hearing])
        expect(heard.text.toLowerCase()).toContain("amiable himself")
        expect(yield* ready(url)).toMatchObject({ code: 200, status: "degraded", fallback: "flite-fallback" })
        expect(yield* ready(url, "?for=speech")).toMatchObject({ code: 200, status: "degraded" })
        expect((yield* operator.engine("magpie-fallback")).model).toBe("flite-fallback")
        const metrics = yield* Effect.promise(async () => (await fetch(`${url}/metrics`)).text())
        expect(metrics).toMatch(/aviary_fallback_answers_total\{engine="magpie-fallback"\} 3/)
        expect(log.filter((line) => /no Magpie can answer/.test(line))).toHaveLength(1)
        expect(log.find((line) => /engine="?embedded, flite-fallback/.test(line))).toMatch(/path=\/v1\/audio\/speech/)

        yield* member.revive
        yield* isBack
        const again = yield* speak(url, "Said meanwhile.")
        expect([again.engine, again.cache, again.audio === substitute.audio]).toEqual([null, "MISS", false])
        expect((yield* hear(url)).engine).toBe(null)
        const whole = yield* eventually(ready(url), ({ status }) => status === "ready")
        expect(whole.fallback).toBe(undefined)
      }),
    240_000,
  )

  it.effect(
    "what the one inside cannot do is refused as without it, and a repeated request is charged once, whoever answers then",
    () =>
      Effect.gen(function* () {
        const { isBack, member, operator, url } = yield* Started
        yield* speak(url, "Now the voices are known.")
        yield* member.kill
        const none = { status: 502, engine: null, code: "engine_unreachable" }
        expect(yield* speak(url, "Hola.", { voice: "Magpie-Multilingual.ES-US.Diego" })).toMatchObject(none)
        expect(yield* speak(url, "Guten Tag.", { language: "de-DE" })).toMatchObject(none)
        expect(yield* speak(url, "Γεια σου κόσμε.")).toMatchObject(none)
        expect(yield* hear(url, { language: "es" })).toMatchObject({ status: 502, engine: null })
        expect(yield* speak(url, "Hi.", { voice: "nobody" })).toMatchObject({ status: 400, code: "voice_not_found" })

        const before = yield* operator.charged("speeches")
        const first = yield* speak(url, "Charged once.", { key: "once" })
        expect(first).toMatchObject({ status: 200, engine: inside.speech })
        expect(yield* speak(url, "Charged once.", { key: "once" })).toEqual({ ...first, cache: "HIT" })
        yield* member.revive
        yield* isBack
        expect(yield* speak(url, "Charged once.", { key: "once" })).toEqual({ ...first, cache: "HIT" })
        yield* eventually(operator.charged("speeches"), (charged) => charged >= before + 1)
        expect(yield* operator.charged("speeches")).toBe(before + 1)
      }),
    240_000,
  )

  it.effect(
    "a wedge is answered at once, and healed behind it as without a fallback",
    () =>
      Effect.gen(function* () {
        const { isBack, member, operator, url } = yield* Started
        yield* isBack
        yield* member.setFaults([{ kind: "wedge", route: "transcriptions" }])
        const events = yield* hear(url, { model: "gpt-4o-transcribe", stream: "true" })
        // On a machine that is too slow to hear anything in time the answer begins before it is known who answers.
        const said = events.engine ?? /^: x-aviary-engine: (.*)$/m.exec(events.text)?.[1]
        expect([events.status, said]).toEqual([200, inside.hearing])
        expect(events.text).toMatch(/"transcript.text.done".*amiable himself/)
        const healed = yield* eventually(
          operator.engine("parakeet"),
          ({ restarts, state }) => state === "healthy" && restarts.length === 1,
        )
        expect(healed.budget.left).toBe(2)
        expect((yield* hear(url)).engine).toBe(null)
      }),
    240_000,
  )

  it.effect(
    "off by default: while no engine can answer, requests are refused",
    () =>
      Effect.gen(function* () {
        const { member, url } = yield* start("none")
        yield* speak(url, "Now the voices are known.")
        yield* member.kill
        expect(yield* speak(url, "Nobody says this.")).toMatchObject({ status: 502, code: "engine_unreachable" })
        expect(yield* hear(url)).toMatchObject({ status: 502, engine: null })
        expect(yield* ready(url, "?for=speech")).toMatchObject({ code: 503, status: "unready" })
      }),
    240_000,
  )
})
