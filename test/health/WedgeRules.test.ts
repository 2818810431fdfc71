import { assert, describe, it } from "vitest"
import { classify, type Finding } from "../../src/health/WedgeRules.ts"
import type { EngineKind } from "../../src/upstream/EngineKind.ts"
import {
  EngineCut,
  type EngineFailure,
  EngineLoading,
  EngineMalformed,
  EngineRejected,
  EngineTimedOut,
  EngineUnreachable,
} from "../../src/upstream/EngineFailure.ts"

const rejected = (status: number, body: string, message = "it failed") => new EngineRejected({ status, message, body })

const both: ReadonlyArray<EngineKind> = ["magpie", "parakeet"]

const signatures = [
  "CUDA error: an illegal memory access was encountered",
  "torch.AcceleratorError: CUDA error: cudaErrorIllegalAddress",
  "failed with cudaError_t 700",
  "RuntimeError: CUDA error: device-side assert triggered",
  "RuntimeError: CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling cublasGemmEx",
  "CUBLAS_STATUS_INTERNAL_ERROR",
  "CUBLAS_STATUS_NOT_INITIALIZED",
  "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
  "CUDA failure! 35",
  "Cuda Error: 222",
  "CUDA error: operation not permitted when stream is capturing",
  "Stub process 'tts_0_0' is unhealthy and it will be restarted",
]

describe("a text after which only a restart helps is a wedge", () => {
  for (const text of signatures) {
    it(text, () => {
      for (const engine of both) {
        for (const status of [400, 422, 429, 500, 503])
          assert.strictEqual(classify(engine, rejected(status, text)), "wedge")
        assert.strictEqual(classify(engine, rejected(500, "", text)), "wedge")
        assert.strictEqual(classify(engine, new EngineCut({ message: text })), "wedge")
      }
    })
  }
})

const others: ReadonlyArray<[what: string, failure: EngineFailure, parakeet: Finding, magpie: Finding]> = [
  ["a bare 500", rejected(500, '{"detail":"transcription failed"}'), "wedge", "doubt"],
  ["an answer that is none", new EngineMalformed({ message: "<html>" }), "wedge", "doubt"],
  [
    "out of memory",
    rejected(500, "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB"),
    "overload",
    "overload",
  ],
  ["out of memory, as gRPC says it", rejected(500, "RESOURCE_EXHAUSTED"), "overload", "overload"],
  ["too many requests", rejected(429, ""), "overload", "overload"],
  ["unavailable", rejected(503, "busy"), "overload", "overload"],
  ["a call that is wrong", rejected(400, "Either language or model must be provided"), "request", "request"],
  ["a validation error", rejected(422, '{"detail":[{"loc":["body","file"]}]}'), "request", "request"],
  ["nobody there", new EngineUnreachable({ message: "connect ECONNREFUSED" }), "unreachable", "unreachable"],
  ["no connection in time", new EngineTimedOut({ phase: "connect", afterMillis: 5_000 }), "unreachable", "unreachable"],
  ["a proxy without its engine", rejected(502, "Bad Gateway"), "unreachable", "unreachable"],
  ["loading", new EngineLoading({ message: "NIM is still initializing" }), "loading", "loading"],
  ["a hang", new EngineTimedOut({ phase: "total", afterMillis: 300_000 }), "doubt", "doubt"],
  ["an answer cut off", new EngineCut({ message: "other side closed" }), "doubt", "doubt"],
]

describe("what is not a wedge is told apart", () => {
  for (const [what, failure, parakeet, magpie] of others) {
    it(what, () => {
      assert.strictEqual(classify("parakeet", failure), parakeet)
      assert.strictEqual(classify("magpie", failure), magpie)
    })
  }
})
