import { expect, it } from "@effect/vitest"
import { Effect, Layer, References, Stream, Tracer } from "effect"
import { spanOfScope, tellSeconds, tellTrace, traced, tracedStream } from "../../src/telemetry/Spans.ts"

/** Keeps the names of all spans that are made. */
const counting = () => {
  const names: Array<string> = []
  const tracer = Tracer.make({
    span: (options) => {
      names.push(options.name)
      return new Tracer.NativeSpan(options)
    },
  })
  return { names, layer: Layer.succeed(Tracer.Tracer, tracer) }
}

/** All that a request does with spans. */
const work = Effect.scoped(
  Effect.gen(function* () {
    yield* tellTrace(() => ({ told: 1 }))
    yield* tellSeconds("seconds")
    yield* Stream.runDrain(tracedStream("stream", {})(Effect.succeed(Stream.make(1))))
    yield* spanOfScope("scope", {})
    return yield* Effect.currentParentSpan
  }),
).pipe(traced("work"))

const within = (sampled: boolean) =>
  Effect.gen(function* () {
    const { layer, names } = counting()
    const request = yield* Effect.makeSpan("request", { sampled, root: true }).pipe(Effect.provide(layer))
    const inner = yield* work.pipe(Effect.withParentSpan(request), Effect.provide(layer))
    return { inner, names, request }
  })

it.effect("a request that is sampled has a span for each part, and says what it is told", () =>
  Effect.gen(function* () {
    const { inner, names, request } = yield* within(true)
    expect(names).toEqual(["request", "work", "stream", "scope"])
    expect(inner).toMatchObject({ name: "work" })
    expect([...request.attributes.keys()]).toEqual(["told", "seconds"])
  }),
)

it.effect("one that is not has its own alone, and says nothing", () =>
  Effect.gen(function* () {
    const { inner, names, request } = yield* within(false)
    expect(names).toEqual(["request"])
    expect(inner).toBe(request)
    expect(request.attributes.size).toBe(0)
  }),
)

it.effect("where nothing is traced there are no spans, and without a request each part begins a trace", () =>
  Effect.gen(function* () {
    const off = counting()
    yield* work.pipe(Effect.provide(off.layer), Effect.provideService(References.TracerEnabled, false), Effect.option)
    expect(off.names).toEqual([])
    const alone = counting()
    yield* Effect.provide(work, alone.layer)
    expect(alone.names).toEqual(["work", "stream", "scope"])
  }),
)
