import { expect, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Stream } from "effect"
import { speechOf, startGateway, transcriptionOf } from "../../support/gateway.ts"

const adminToken = "an-admin-token-of-a-test"
const authorization = `Bearer ${adminToken}`
const said = "words that no page may show"

const get = (url: string, path: string, headers: Record<string, string> = { authorization }) =>
  Effect.promise(async () => {
    const response = await fetch(`${url}${path}`, { headers })
    return { status: response.status, text: await response.text() }
  })

const speak = (url: string, path = "/v1/audio/speech") =>
  Effect.promise(async () => {
    const response = await fetch(`${url}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-request-id": "req-of-a-test" },
      body: JSON.stringify({ model: "tts-1", voice: "alloy", input: said }),
    })
    await response.arrayBuffer()
  })

/** The events of `/admin/live` as they come. */
const live = Effect.fnUntraced(function* (url: string) {
  const leaving = new AbortController()
  yield* Effect.addFinalizer(() => Effect.sync(() => leaving.abort()))
  const response = yield* Effect.promise(() =>
    fetch(`${url}/admin/live`, { headers: { authorization }, signal: leaving.signal }),
  )
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  let text = ""
  /** Reads on until `found` finds what it looks for. */
  const until = <A>(found: (events: ReadonlyArray<{ event: string; data: any }>) => A | undefined) =>
    Effect.promise(async () => {
      for (;;) {
        const events = text
          .split("\n\n")
          .slice(0, -1)
          .filter((event) => event.startsWith("event: "))
          .map((event) => ({
            event: /^event: (\w+)/.exec(event)![1]!,
            data: JSON.parse(event.slice(event.indexOf("data: ") + 6)),
          }))
        const here = found(events)
        if (here !== undefined) return here
        const { done, value } = await reader!.read()
        if (done) throw new Error(`ended after: ${text}`)
        text += value
      }
    })
  return { status: response.status, headers: response.headers, until, all: () => text }
})

it.live(
  "a request is told while it is under way and when it is over, to who asks and to who listens, and never what was said",
  () =>
    Effect.gen(function* () {
      const goOn = yield* Deferred.make<void>()
      const held = Stream.fromEffect(Effect.as(Deferred.await(goOn), new Uint8Array(4)))
      const { url } = yield* startGateway({
        programs: Layer.merge(speechOf({ bytes: held }), transcriptionOf()),
        settings: { adminToken },
      })
      const listener = yield* live(url)
      expect(listener.status).toBe(200)
      expect(listener.headers.get("content-type")).toContain("text/event-stream")
      yield* listener.until((events) => events.find(({ event }) => event === "engines"))
      const asking = yield* Effect.forkChild(speak(url))
      const begun = yield* listener.until((events) =>
        events
          .flatMap(({ data, event }) => (event === "requests" ? data.underWay : []))
          .find(({ id }) => id === "req-of-a-test"),
      )
      expect(begun).toMatchObject({ route: "/v1/audio/speech", model: "tts-1", voice: "alloy" })
      expect(JSON.parse((yield* get(url, "/admin/requests")).text).underWay).toMatchObject([{ id: "req-of-a-test" }])
      yield* Deferred.succeed(goOn, undefined)
      const over = yield* listener.until((events) =>
        events
          .flatMap(({ data, event }) => (event === "requests" ? data.recent : []))
          .find(({ id }) => id === "req-of-a-test"),
      )
      expect(over).toMatchObject({ status: 200, ended: "whole", bytes: 4 })
      yield* Fiber.join(asking)
      const { text } = yield* get(url, "/admin/requests")
      expect(JSON.parse(text)).toMatchObject({ underWay: [], recent: [{ id: "req-of-a-test", number: 1 }], codes: [] })
      expect(text + listener.all()).not.toContain(said)
    }),
)

it.live("the past is told by ten seconds or by minutes, and from a moment on", () =>
  Effect.gen(function* () {
    const { url } = yield* startGateway({ settings: { adminToken } })
    yield* speak(url)
    const history = (query: string) => Effect.map(get(url, `/admin/history${query}`), ({ text }) => JSON.parse(text))
    const short = yield* history("")
    expect(short.widthMillis).toBe(10_000)
    expect((yield* history("?resolution=1m")).widthMillis).toBe(60_000)
    const sum = (column: ReadonlyArray<number | null>) => column.reduce((all: number, one) => all + (one ?? 0), 0)
    expect(sum(short.columns.requests)).toBeGreaterThan(0)
    expect((yield* history(`?from=${short.starts.at(-1) + 10_000}`)).starts).toEqual([])
    expect((yield* get(url, "/admin/history?resolution=1h")).status).toBe(400)
  }),
)

it.live("so many may listen and no more, and only the operator", () =>
  Effect.gen(function* () {
    const { url } = yield* startGateway({ settings: { adminToken } })
    for (const path of ["/admin/requests", "/admin/history", "/admin/live"])
      expect((yield* get(url, path, {})).status).toBe(401)
    yield* Effect.scoped(
      Effect.gen(function* () {
        for (let one = 0; one < 32; one++) expect((yield* live(url)).status).toBe(200)
        expect((yield* get(url, "/admin/live")).status).toBe(503)
      }),
    )
  }),
)
