/**
 * An engine whose CUDA context is gone answers every call with 500 until its process is restarted. The client that meets
 * it is told at once to come back in a minute; one probe looks, one restart follows, and until a probe passes nobody's
 * request touches the engine. Without this one wedge is an outage until somebody notices, and a hundred clients at once
 * are a hundred restarts.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import type { EngineReport } from "../../src/health/EngineReport.ts"
import type { EngineKind } from "../../src/upstream/EngineKind.ts"
import { postSpeech, startAviary } from "../support/aviary.ts"
import { type Answer, eventually, startListeningNim, transcribe, wavOf } from "../support/listeningNim.ts"

const adminToken = "the-operator-s-own"
const asOperator = { authorization: `Bearer ${adminToken}`, "content-type": "application/json" }

const operator = (url: string) => {
  const ask = <A>(method: string, path: string, body?: unknown) =>
    Effect.promise(async () => {
      const init = { method, headers: asOperator, body: body === undefined ? null : JSON.stringify(body) }
      const response = await fetch(`${url}/admin${path}`, init)
      return { status: response.status, body: (await response.json()) as A }
    })
  const engine = (name: EngineKind) =>
    Effect.map(ask<{ engines: ReadonlyArray<EngineReport> }>("GET", "/engines"), ({ body }) =>
      body.engines.find((report) => report.engine === name)!,
    )
  return {
    ask,
    engine,
    in: (name: EngineKind, state: string) => eventually(engine(name), (seen) => seen.state === state),
  }
}

const readiness = (url: string) =>
  Effect.promise(async () => {
    const response = await fetch(`${url}/health/ready?for=transcription`)
    const body = (await response.json()) as {
      engines: { [E in EngineKind]: { ready: boolean; state: string; reason?: string } }
    }
    return { status: response.status, ...body.engines }
  })

/** Transcriptions that the ledger has charged for. */
const chargedTranscriptions = (url: string) =>
  Effect.promise(async () => {
    const since = Math.floor(Date.now() / 1_000) - 86_400
    const path = `/v1/organization/usage/audio_transcriptions?start_time=${since}`
    const response = await fetch(url + path, { headers: asOperator })
    const { data } = (await response.json()) as { data: Array<{ results: Array<{ num_model_requests: number }> }> }
    return data.flatMap(({ results }) => results).reduce((sum, { num_model_requests }) => sum + num_model_requests, 0)
  })

const isWedgeAnswer = ({ status, headers, body }: Answer) => {
  expect({ status, retryAfter: headers.get("retry-after"), code: body.error?.code, type: body.error?.type }).toEqual({
    status: 503,
    retryAfter: "60",
    code: "engine_wedged",
    type: "service_unavailable_error",
  })
  expect(body.error?.message).toMatch(/^Parakeet [^{}]*try again later\.$/)
  expect(headers.get("x-should-retry")).not.toBe("false")
}

const statesOf = ({ changes }: EngineReport) => changes.map(({ to }) => to)

layer(NodeServices.layer, { excludeTestServices: true })("WedgeHeals", (it) => {
  it.effect("tells the client at once, restarts Parakeet, and serves again after a probe", () =>
    Effect.gen(function* () {
      const nim = yield* startListeningNim({ afterMillis: 500, loadingMillis: 300 })
      const { url } = yield* startAviary(nim, { parakeetRestart: nim.restart, adminToken })
      const admin = operator(url)
      expect((yield* transcribe(url, wavOf(300))).body.text).toBe("heard 300 milliseconds")
      expect(yield* readiness(url)).toMatchObject({ status: 200 })

      yield* nim.setFaults([{ kind: "wedge", route: "transcriptions" }])
      isWedgeAnswer(yield* transcribe(url, wavOf(400)))
      expect((yield* nim.calls).restarts).toBe(0)

      yield* admin.in("parakeet", "restarting")
      const touched = (yield* nim.calls).routes.transcriptions.started
      expect(yield* readiness(url)).toMatchObject({
        status: 503,
        magpie: { ready: true },
        parakeet: { ready: false, state: "restarting", reason: "EngineRestarting" },
      })
      isWedgeAnswer(yield* transcribe(url, wavOf(500)))
      expect((yield* nim.calls).routes.transcriptions.started).toBe(touched)
      const speech = yield* postSpeech(url)
      expect(speech.status).toBe(200)
      yield* Effect.promise(() => speech.arrayBuffer())

      const healed = yield* admin.in("parakeet", "healthy")
      expect(statesOf(healed)).toEqual(["suspect", "wedged", "restarting", "recovering", "healthy"])
      expect(healed.probes.map(({ outcome }) => outcome)).toEqual(["wedged", "passed"])
      expect(healed.restarts).toMatchObject([{ outcome: "restarted", backend: "command" }])
      expect(healed.budget.left).toBe(2)
      expect(healed.lastRecoveryMillis).toBeGreaterThan(500)
      expect(yield* readiness(url)).toMatchObject({ status: 200, parakeet: { ready: true, state: "healthy" } })
      expect((yield* transcribe(url, wavOf(600))).body.text).toBe("heard 600 milliseconds")
      expect(nim.heard.map(({ text }) => text)).toEqual(["heard 300 milliseconds", "heard 600 milliseconds"])
      expect((yield* nim.calls).restarts).toBe(1)
    }),
  )

  it.effect("a hundred requests at the wedge are one probe and one restart", () =>
    Effect.gen(function* () {
      const nim = yield* startListeningNim()
      const settings = { parakeetRestart: nim.restart, parakeetConcurrency: "20", queueLength: "200", adminToken }
      const { url } = yield* startAviary(nim, settings)
      // Slow, so that twenty meet the wedge before the first of them is answered.
      yield* nim.setFaults([
        { kind: "wedge", route: "transcriptions" },
        { kind: "slow", millis: 500, route: "transcriptions", times: 20 },
      ])
      const requests = Array.from({ length: 100 }, (_, i) => transcribe(url, wavOf(200 + i)))
      const answers = yield* Effect.all(requests, { concurrency: "unbounded" })
      const refused = answers.filter(({ status }) => status !== 200)
      expect(refused.length).toBeGreaterThan(0)
      refused.forEach(isWedgeAnswer)

      const healed = yield* operator(url).in("parakeet", "healthy")
      expect(healed.probes.map(({ outcome }) => outcome)).toEqual(["wedged", "passed"])
      const { restarts, routes } = yield* nim.calls
      expect(restarts).toBe(1)
      // Those that met the wedge, the two probes, and those that came after it.
      const met = routes.transcriptions.started - 2 - (answers.length - refused.length)
      expect(met).toBeGreaterThan(1)
      expect(met).toBeLessThanOrEqual(20)
    }),
  )

  it.effect("with AVIARY_RECOVERY_WAIT those in line only see slow answers, each done once", () =>
    Effect.gen(function* () {
      const nim = yield* startListeningNim({ millis: 20, loadingMillis: 200 })
      const settings = { parakeetRestart: nim.restart, recoveryWait: "30 seconds", adminToken }
      const { url } = yield* startAviary(nim, settings)
      yield* nim.setFaults([{ kind: "wedge", route: "transcriptions", skip: 7 }])
      const lengths = Array.from({ length: 20 }, (_, i) => 200 + 10 * i)
      const answers = yield* Effect.all(
        lengths.map((millis) => transcribe(url, wavOf(millis))),
        { concurrency: "unbounded" },
      )
      const texts = lengths.map((millis) => `heard ${millis} milliseconds`)
      expect(answers.map(({ status, body }) => [status, body.text])).toEqual(texts.map((text) => [200, text]))
      expect(nim.heard.map(({ text }) => text).toSorted()).toEqual(texts.toSorted())
      const { restarts, routes } = yield* nim.calls
      expect(restarts).toBe(1)
      // 20, the one at the wedge once more, and two probes.
      expect(routes.transcriptions.started).toBe(23)
      expect(yield* chargedTranscriptions(url)).toBe(20)
    }),
  )

  it.effect("a recording that wedges the engine twice is refused from then on, and costs no third restart", () =>
    Effect.gen(function* () {
      const nim = yield* startListeningNim()
      const { url } = yield* startAviary(nim, { parakeetRestart: nim.restart, adminToken })
      const admin = operator(url)
      const poison = wavOf(700)
      yield* transcribe(url, poison)
      const wedge = { kind: "wedge", route: "transcriptions", sha256: nim.heard[0]!.sha256 } as const
      yield* nim.setFaults([wedge])

      for (let attempt = 1; attempt <= 2; attempt++) {
        isWedgeAnswer(yield* transcribe(url, poison))
        yield* eventually(
          admin.engine("parakeet"),
          (seen) => seen.state === "healthy" && seen.restarts.length === attempt,
        )
      }
      const touched = (yield* nim.calls).routes.transcriptions.started
      for (let attempt = 3; attempt <= 5; attempt++) {
        const { status, headers, body } = yield* transcribe(url, poison)
        expect([status, body.error?.code, headers.get("retry-after")]).toEqual([422, "recording_quarantined", null])
      }
      expect((yield* nim.calls).routes.transcriptions.started).toBe(touched)
      expect((yield* admin.engine("parakeet")).budget.left).toBe(1)
      expect((yield* transcribe(url, wavOf(800))).status).toBe(200)

      const { body } = yield* admin.ask<{ recordings: Array<{ content: string }> }>("GET", "/quarantine")
      expect(body.recordings).toMatchObject([{ strikes: 2 }])
      yield* nim.setFaults([])
      yield* admin.ask("DELETE", `/quarantine/${body.recordings[0]!.content}`)
      expect((yield* transcribe(url, poison)).body.text).toBe("heard 700 milliseconds")
    }),
  )

  it.effect("once the restarts are used up clients are told not to come back, until the operator restores them", () =>
    Effect.gen(function* () {
      const nim = yield* startListeningNim()
      const settings = { parakeetRestart: nim.restart, restartLimit: "2", restartSettle: "100 millis", adminToken }
      const { url } = yield* startAviary(nim, settings)
      const admin = operator(url)
      yield* nim.setFaults([{ kind: "wedge", route: "transcriptions", times: 1_000 }])
      yield* transcribe(url, wavOf(300))
      yield* admin.in("parakeet", "exhausted")
      expect((yield* nim.calls).restarts).toBe(2)

      const touched = (yield* nim.calls).routes.transcriptions.started
      const { status, headers, body } = yield* transcribe(url, wavOf(300))
      expect([status, body.error?.code, headers.get("x-should-retry")]).toEqual([503, "engine_exhausted", "false"])
      expect(headers.get("retry-after")).toBeNull()
      expect((yield* nim.calls).routes.transcriptions.started).toBe(touched)
      expect((yield* readiness(url)).parakeet).toMatchObject({ ready: false, reason: "EngineExhausted" })
      expect(yield* admin.ask("POST", "/engines/parakeet/restart", { reason: "again" })).toMatchObject({ status: 429 })

      yield* nim.setFaults([])
      const restored = yield* admin.ask<EngineReport>("POST", "/engines/parakeet/restore", { reason: "a new driver" })
      expect(restored).toMatchObject({ status: 200, body: { budget: { left: 2 } } })
      yield* admin.in("parakeet", "healthy")
      expect((yield* transcribe(url, wavOf(300))).status).toBe(200)
    }),
  )

  it.effect("heals Magpie the same way, while what was said before is still served", () =>
    Effect.gen(function* () {
      const nim = yield* startListeningNim({ afterMillis: 500 })
      const { url } = yield* startAviary(nim, { magpieRestart: nim.restart, adminToken })
      const admin = operator(url)
      const say = Effect.fnUntraced(function* (input: string) {
        const response = yield* postSpeech(url, { input })
        const bytes = Buffer.from(yield* Effect.promise(() => response.arrayBuffer()))
        return { status: response.status, headers: response.headers, bytes }
      })
      const before = yield* say("Said before the wedge.")

      yield* nim.setFaults([{ kind: "wedge", route: "synthesize_online" }])
      const told = yield* say("Said at the wedge.")
      expect([told.status, told.headers.get("retry-after")]).toEqual([503, "60"])
      expect(JSON.parse(told.bytes.toString())).toMatchObject({ error: { code: "engine_wedged" } })

      yield* admin.in("magpie", "restarting")
      expect((yield* say("Said while it restarts.")).status).toBe(503)
      const hit = yield* say("Said before the wedge.")
      expect([hit.status, hit.headers.get("x-cache")]).toEqual([200, "HIT"])
      expect(hit.bytes.equals(before.bytes)).toBe(true)
      expect((yield* transcribe(url, wavOf(300))).status).toBe(200)

      const healed = yield* admin.in("magpie", "healthy")
      expect(statesOf(healed)).toEqual(["suspect", "wedged", "restarting", "recovering", "healthy"])
      expect((yield* nim.calls).restarts).toBe(1)
      expect((yield* say("Said at the wedge.")).status).toBe(200)
    }),
  )
})
