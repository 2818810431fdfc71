import { Option, type Tracer } from "effect"
import { randomInt } from "node:crypto"
import type { SamplerName } from "./OtelVariables.ts"

/** Whether a trace that begins here, or goes on here from `parent`, is kept. */
export type Sampler = (parent: Option.Option<Tracer.AnySpan>) => boolean

/** Of the first 2^53 values that the last digits of a trace id may have. */
const ofTraceId = (traceId: string): number => Number.parseInt(traceId.slice(-13), 16) / 2 ** 52

/** @param share of traces that begin here, 0 to 1; the same trace gets the same answer at every gateway */
export const samplerOf = (name: SamplerName, share: number): Sampler => {
  const kept = { always_on: 1, always_off: 0, traceidratio: share }[name.replace("parentbased_", "")] ?? 1
  const own: Sampler = (parent) =>
    (Option.isSome(parent) ? ofTraceId(parent.value.traceId) : randomInt(2 ** 40) / 2 ** 40) < kept
  if (!name.startsWith("parentbased_")) return own
  return (parent) => (Option.isSome(parent) ? parent.value.sampled : own(parent))
}

/** `tracer`, with the choice made for every span that begins a trace here or goes on in one from elsewhere. */
export const sampled = (tracer: Tracer.Tracer, sampler: Sampler): Tracer.Tracer => ({
  ...tracer,
  span: (options) => {
    const { parent } = options
    const isOurs = Option.isSome(parent) && parent.value._tag === "Span"
    return tracer.span(isOurs ? options : { ...options, sampled: options.sampled && sampler(parent) })
  },
})
