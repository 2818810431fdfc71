import { Schema } from "effect"

/** The NIM's routes, by the last part of their paths. */
export const NimRoute = Schema.Literals(["list_voices", "synthesize", "synthesize_online", "transcriptions", "ready"])
export type NimRoute = typeof NimRoute.Type

const count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))

const when = {
  /** Absent: the three routes that infer. */
  route: Schema.optionalKey(NimRoute),
  /** Only a speech whose text has this in it. */
  text: Schema.optionalKey(Schema.NonEmptyString),
  /** Only an input with this SHA-256, in hex: of the text's UTF-8, or of the uploaded file. */
  sha256: Schema.optionalKey(Schema.String.check(Schema.isPattern(/^[0-9a-f]{64}$/))),
  /** Matching calls that are spared first. */
  skip: Schema.optionalKey(count),
  /** Matching calls that are hit before the fault is used up. Absent: all; of a wedge without `text` or `sha256`, one. */
  times: Schema.optionalKey(count),
}

/** Answers that NVIDIA's users have seen of a CUDA context that is gone. */
export const cudaBody =
  '{"detail":"CUDA error: an illegal memory access was encountered\\nCUDA kernel errors might be asynchronously reported at some other API call, so the stacktrace below might be incorrect."}'

/**
 * Something that goes wrong with calls. Several may meet in one call. Bytes count the body, times are milliseconds of
 * real time.
 *
 * - `slow`: waits before each chunk of the body, and before whatever another fault answers instead.
 * - `cut`: closes the connection after `afterBytes`; 0 is before the head. `reset` does so by RST.
 * - `shorten`: ends properly, but early; an odd `afterBytes` ends within a sample.
 * - `hang`: stops for good, before the head or after `afterBytes`.
 * - `wedge`: the engine answers this and every later call with `status` (500) and a CUDA error, until it is restarted.
 *   It stays `ready`.
 * - `reject`: answers `status` and `body` (a CUDA error).
 * - `loading`: all routes answer 503, for `millis` or until the fault is taken away.
 * - `mislabel`: a 200 that holds an error page or a JSON error.
 * - `oddChunks`: cuts the body into chunks of 1,023 bytes.
 * - `badStatusLine`: answers what is no HTTP.
 * - `closeDelimited`: a body of neither length nor chunks, which ends with the connection.
 * - `wav`: `synthesize_online` answers a WAV of unknown length.
 */
export const NimFault = Schema.Union([
  Schema.Struct({ kind: Schema.Literal("slow"), millis: count, ...when }),
  Schema.Struct({
    kind: Schema.Literal("cut"),
    afterBytes: count,
    reset: Schema.optionalKey(Schema.Boolean),
    ...when,
  }),
  Schema.Struct({ kind: Schema.Literal("shorten"), afterBytes: count, ...when }),
  Schema.Struct({ kind: Schema.Literal("hang"), afterBytes: Schema.optionalKey(count), ...when }),
  Schema.Struct({ kind: Schema.Literal("wedge"), status: Schema.optionalKey(Schema.Int), ...when }),
  Schema.Struct({
    kind: Schema.Literal("reject"),
    status: Schema.Int,
    body: Schema.optionalKey(Schema.String),
    ...when,
  }),
  Schema.Struct({ kind: Schema.Literal("loading"), millis: Schema.optionalKey(count), ...when }),
  Schema.Struct({ kind: Schema.Literal("mislabel"), as: Schema.Literals(["html", "json"]), ...when }),
  Schema.Struct({ kind: Schema.Literal("oddChunks"), ...when }),
  Schema.Struct({ kind: Schema.Literal("badStatusLine"), ...when }),
  Schema.Struct({ kind: Schema.Literal("closeDelimited"), ...when }),
  Schema.Struct({ kind: Schema.Literal("wav"), ...when }),
])
export type NimFault = typeof NimFault.Type

/** What a call is about, as far as a fault may ask. */
export interface NimCall {
  readonly route: NimRoute
  readonly text?: string
  readonly sha256?: string
}

/** Whether calls of `route` use the GPU. */
export const infers = (route: NimRoute) => route !== "list_voices" && route !== "ready"

/** Whether `fault` is about `call`, not counting `skip` and `times`. */
export const concerns = (fault: NimFault, call: NimCall): boolean =>
  (fault.route === undefined ? fault.kind === "loading" || infers(call.route) : fault.route === call.route) &&
  (fault.text === undefined || (call.text?.includes(fault.text) ?? false)) &&
  (fault.sha256 === undefined || fault.sha256 === call.sha256)

/** How many calls `fault` hits. */
export const timesOf = (fault: NimFault): number =>
  fault.times ??
  (fault.kind === "wedge" && fault.text === undefined && fault.sha256 === undefined ? 1 : Number.POSITIVE_INFINITY)
