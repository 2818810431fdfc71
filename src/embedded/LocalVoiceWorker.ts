import "../workers/StandBack.ts"
import { Effect, Stream } from "effect"
import { setImmediate } from "node:timers/promises"
import { toInt16 } from "../audio/WavSamples.ts"
import { handed, serve } from "../workers/WorkerServer.ts"
import { sherpaOnnx, type VoiceConfig } from "./SherpaOnnx.ts"
import { VoiceRpcs } from "./VoiceRpcs.ts"
import { attempt } from "./WorkFailed.ts"

const voice = new (sherpaOnnx().OfflineTts)(handed() as VoiceConfig)

/** A text in which the model finds nothing to say ends the process. All know a full stop. */
const ended = (text: string) => (/[.!?。！？]\s*$/u.test(text) ? text : `${text}.`)

const say = (text: string, sid: number, speed: number): Uint8Array<ArrayBuffer> => {
  const { samples } = voice.generate({ text: ended(text), sid, speed })
  return new Uint8Array(Int16Array.from(samples, (sample) => toInt16(sample * 32_767)).buffer)
}

// A model whose parts do not fit ends this process when it first speaks: better now than at somebody's request.
say(".", 0, 1)

const sentences = new Intl.Segmenter("en", { granularity: "sentence" })

serve(
  VoiceRpcs,
  VoiceRpcs.toLayer({
    About: () => Effect.succeed({ sampleRate: voice.sampleRate }),
    Say: ({ speaker, speed, text }) =>
      Stream.fromIterable(Array.from(sentences.segment(text), ({ segment }) => segment.trim())).pipe(
        Stream.filter((sentence) => sentence !== ""),
        Stream.rechunk(1),
        Stream.mapEffect((sentence) =>
          // The one place where an interruption can come in.
          Effect.andThen(
            Effect.promise(() => setImmediate()),
            attempt(() => say(sentence, speaker, speed)),
          ),
        ),
      ),
  }),
)
