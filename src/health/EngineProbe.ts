import { Context, Duration, Effect, FileSystem, Layer, Stream } from "effect"
import { fileURLToPath } from "node:url"
import { durationMs, type Pcm } from "../audio/Pcm.ts"
import type { Recording } from "../audio/Recording.ts"
import { textOf } from "../audio/Segment.ts"
import { collapseVoices, parseVoice } from "../audio/Voice.ts"
import { wavHeaderBytes } from "../audio/WavHeader.ts"
import { Settings } from "../Settings.ts"
import { type EngineFailure, EngineTimedOut } from "../upstream/EngineFailure.ts"
import type { EngineError } from "../upstream/EngineError.ts"
import type { EngineKind } from "../upstream/EngineKind.ts"
import type { EngineId } from "./EngineId.ts"
import { type ClientOf, Fleet } from "./Fleet.ts"
import { classify, describe, isCertain } from "./WedgeRules.ts"

/** What `probe.wav` says. Speech, since silence never reaches the decoder, where the crashes are. */
const clipWords = "he might even have been made amiable himself".split(" ")

/** Long enough that Magpie's known weakness for single words does not count. */
const sentence = "The quick brown fox jumps over the lazy dog."

/** Milliseconds of audio between which the sentence can be. */
const plausibleMs = { least: 800, most: 30_000 }

/** Loudest sample below which audio is silence, of 32,767. */
const silencePeak = 300

/**
 * What one inference showed. `certain`: it failed with a sign after which only a restart helps. `wrong`: it worked, but
 * the result is not what it must be. `unclear`: overload, or the engine refuses a proper call.
 */
export interface Attempt {
  readonly result: "passed" | "certain" | "failed" | "wrong" | "loading" | "unreachable" | "unclear"
  readonly detail: string
}

/**
 * One real inference to learn whether an engine works: never billed, never cached.
 *
 * - `attempt`: never fails and ends within the probe's time limit.
 * - `ready`: whether the engine says that it takes calls.
 */
interface Probe {
  readonly attempt: (engine: EngineId) => Effect.Effect<Attempt>
  readonly ready: (engine: EngineId) => Effect.Effect<boolean>
}

const make = Effect.gen(function* () {
  const { probeTimeout } = yield* Settings
  const fleet = yield* Fleet
  const clip = yield* readClip

  const listen = (parakeet: ClientOf<"parakeet">) =>
    Stream.runCollect(parakeet.transcribe(clip, { language: "en-US" })).pipe(
      Effect.map((segments) => judgeTranscript(textOf(segments))),
    )

  const speak = Effect.fnUntraced(function* (magpie: ClientOf<"magpie">) {
    const ids = yield* magpie.voices
    const voices = collapseVoices(ids)
    const voice = (voices.find(({ language }) => language?.startsWith("en")) ?? voices[0])?.speakAs
    if (voice === undefined) return { result: "unclear", detail: "it lists no voices" } satisfies Attempt
    const language = parseVoice(voice).language ?? "en-US"
    const chunks = magpie.synthesize({ text: sentence, voice, language, speed: 1 })
    return judgeSpeech(yield* Stream.runFold(chunks, () => nothingHeard, hear))
  })

  const attempt = Effect.fn("EngineProbe.attempt")(function* (engine: EngineId) {
    const member = fleet.get(engine)
    const inference: Effect.Effect<Attempt, EngineError> =
      member.kind === "parakeet" ? listen(member.client) : speak(member.client)
    return yield* inference.pipe(
      Effect.timeoutOrElse({
        duration: probeTimeout,
        orElse: () =>
          Effect.fail({
            reason: new EngineTimedOut({ phase: "total", afterMillis: Duration.toMillis(probeTimeout) }),
          }),
      }),
      Effect.catch((error) => Effect.succeed(judgeFailure(member.kind, error.reason))),
      Effect.catchDefect((defect) =>
        Effect.succeed<Attempt>({ result: "unclear", detail: `the probe itself broke: ${String(defect)}` }),
      ),
    )
  })

  const service: Probe = {
    attempt,
    ready: (engine) => Effect.isSuccess(Effect.timeout(fleet.get(engine).client.ready, probeTimeout)),
  }
  return service
})

/** See `Probe`. */
export class EngineProbe extends Context.Service<EngineProbe, Probe>()("aviary/health/EngineProbe") {
  static readonly layer = Layer.effect(EngineProbe, make)

  /** A test's own probe. */
  static readonly layerTest = (
    attempt: (engine: EngineId) => Effect.Effect<Attempt>,
    ready: (engine: EngineId) => Effect.Effect<boolean> = () => Effect.succeed(true),
  ) => Layer.succeed(EngineProbe, { attempt, ready })
}

const readClip = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const path = fileURLToPath(new URL("./probe.wav", import.meta.url))
  const { size } = yield* Effect.orDie(fs.stat(path))
  return { path, samples: (Number(size) - wavHeaderBytes) / 2 } satisfies Recording
})

/** Half of the words is plenty: a model may spell, a wedge does not come close. */
function judgeTranscript(text: string): Attempt {
  const heard = new Set(text.toLowerCase().match(/\p{L}+/gu) ?? [])
  const found = clipWords.filter((word) => heard.has(word)).length
  return {
    result: found * 2 >= clipWords.length ? "passed" : "wrong",
    detail: `heard ${JSON.stringify(text.slice(0, 200))}`,
  }
}

interface Heard {
  readonly millis: number
  readonly peak: number
}

const nothingHeard: Heard = { millis: 0, peak: 0 }

const hear = (before: Heard, chunk: Pcm): Heard => ({
  millis: before.millis + durationMs(chunk),
  peak: chunk.samples.reduce((peak, sample) => Math.max(peak, Math.abs(sample)), before.peak),
})

function judgeSpeech({ millis, peak }: Heard): Attempt {
  const spoken = `spoke ${Math.round(millis)} ms`
  if (millis < plausibleMs.least || millis > plausibleMs.most)
    return { result: "wrong", detail: `${spoken}, which cannot be the sentence` }
  if (peak < silencePeak) return { result: "wrong", detail: `${spoken} of silence` }
  return { result: "passed", detail: spoken }
}

function judgeFailure(kind: EngineKind, failure: EngineFailure): Attempt {
  const detail = describe(failure)
  switch (classify(kind, failure)) {
    case "wedge":
      return { result: isCertain(failure) ? "certain" : "failed", detail }
    case "doubt":
      return { result: "failed", detail }
    case "loading":
      return { result: "loading", detail }
    case "unreachable":
      return { result: "unreachable", detail }
    case "overload":
    case "request":
      return { result: "unclear", detail }
  }
}
