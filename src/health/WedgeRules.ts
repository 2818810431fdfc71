import type { EngineFailure } from "../upstream/EngineFailure.ts"
import type { EngineKind } from "../upstream/EngineKind.ts"

/**
 * What a failed call says about its engine.
 *
 * - `wedge`: the process answers but can no longer infer. Followers wait for a probe's verdict.
 * - `doubt`: may be a wedge. A probe looks, nobody waits.
 * - `loading`: the model is not in memory yet.
 * - `unreachable`: nobody listens. A restart policy's business, not ours.
 * - `overload`: too much at once, or out of memory: it passes.
 * - `request`: the call was at fault.
 */
export type Finding = "wedge" | "doubt" | "loading" | "unreachable" | "overload" | "request"

/** Texts after which only a new process helps, wherever they stand and whatever the status. */
const wedgeSignatures: ReadonlyArray<{ readonly pattern: RegExp; readonly source: string }> = [
  {
    pattern: /CUDA error: an illegal memory access|cudaErrorIllegalAddress/i,
    source: "NVIDIA-NeMo/Speech#15423: non-recoverable for the rest of the process",
  },
  {
    pattern: /cudaError_t\W{0,3}700\b/,
    source: "CUDA runtime: 700 is cudaErrorIllegalAddress, which leaves the process inconsistent",
  },
  {
    pattern: /device-side assert triggered|cudaErrorAssert/i,
    source: "CUDA runtime: cudaErrorAssert, the process must be ended",
  },
  {
    pattern: /CUBLAS_STATUS_(EXECUTION_FAILED|INTERNAL_ERROR|NOT_INITIALIZED|ALLOC_FAILED)/,
    source: "Parakeet on a DGX Spark, in the middle of attention",
  },
  { pattern: /CUDA failure!? 35\b/i, source: "NVIDIA-NeMo/Speech#15145: RNNT decoding with CUDA graphs" },
  { pattern: /Cuda Error:? 222\b/i, source: "NVIDIA-NeMo/Speech: PTX of another driver; every call fails alike" },
  {
    pattern: /operation not permitted when stream is capturing|cudaErrorStreamCapture/i,
    source: "NVIDIA-NeMo/Speech#15423: a broken CUDA graph capture poisons the decoder",
  },
  {
    pattern: /Stub process .{0,80}is (unhealthy|not healthy)/i,
    source: "Triton python backend: the stub is dead, the server answers on",
  },
]

/** Out of memory is recoverable: the allocation fails, the context lives. */
const outOfMemory = /out of memory|cudaErrorMemoryAllocation|RESOURCE_EXHAUSTED/i

const textOf = (failure: EngineFailure): string =>
  failure._tag === "EngineTimedOut"
    ? ""
    : failure._tag === "EngineRejected"
      ? `${failure.message}\n${failure.body}`
      : failure.message

/** Whether `failure` carries a text after which only a new process helps. */
export const isCertain = (failure: EngineFailure): boolean => {
  const text = textOf(failure)
  return wedgeSignatures.some(({ pattern }) => pattern.test(text))
}

/** What `failure` says about an engine of `kind`. */
export const classify = (kind: EngineKind, failure: EngineFailure): Finding => {
  if (isCertain(failure)) return "wedge"
  switch (failure._tag) {
    case "EngineUnreachable":
      return "unreachable"
    case "EngineLoading":
      return "loading"
    // A corrupt process has been seen to write broken status lines (a CUDA graph overwrote a shared string of the Python
    // server); a reverse proxy's error page is malformed too, hence the probe before anything is restarted. A listener of
    // Magpie is told what it was, a 502, while the probe looks.
    case "EngineMalformed":
      return kind === "parakeet" ? "wedge" : "doubt"
    case "EngineTimedOut":
      return failure.phase === "connect" ? "unreachable" : "doubt"
    // `synthesize` of some Magpie builds ends in a segmentation fault right after its answer; the container starts anew.
    case "EngineCut":
      return "doubt"
    case "EngineRejected":
      return classifyStatus(kind, failure.status, outOfMemory.test(textOf(failure)))
  }
}

function classifyStatus(kind: EngineKind, status: number, isOutOfMemory: boolean): Finding {
  if (isOutOfMemory || status === 429 || status === 503) return "overload"
  // A bare 500 is all that NVIDIA's own servers tell, whatever happened inside. From a transcription of a recording that
  // was decoded here it is a wedge; Magpie also answers 500 to a voice or text that it does not like.
  if (status === 500) return kind === "parakeet" ? "wedge" : "doubt"
  if (status === 502 || status === 504) return "unreachable"
  // It was built without what is asked of it (NeMo-Speech.cpp): no restart changes that.
  if (status === 501) return "request"
  return status > 500 ? "doubt" : "request"
}

/** Statuses of an engine that does not let the gateway in, or does not have what is asked for. Another may. */
const itsOwn: ReadonlySet<number> = new Set([401, 403, 404, 405, 407, 408, 501])

/** Whether a call that ended in `failure` may do better at another engine of the kind. */
export const mayDoElsewhere = (kind: EngineKind, failure: EngineFailure): boolean =>
  classify(kind, failure) !== "request" || (failure._tag === "EngineRejected" && itsOwn.has(failure.status))

/** `failure` in one line for operators and clients. */
export const describe = (failure: EngineFailure): string => {
  switch (failure._tag) {
    case "EngineTimedOut":
      return `no answer in time (${failure.phase}, ${failure.afterMillis} ms)`
    case "EngineRejected":
      return `status ${failure.status}: ${failure.message}`.slice(0, 300)
    default:
      return failure.message.slice(0, 300)
  }
}
