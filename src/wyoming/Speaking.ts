import { type Cause, Effect, Stream } from "effect"
import { defaultSampleRate } from "../audio/format/Format.ts"
import { paid } from "../billing/Payable.ts"
import { Fleet } from "../health/Fleet.ts"
import { Speech } from "../speech/Speech.ts"
import { VoiceList } from "../speech/VoiceList.ts"
import type { Send } from "./Listening.ts"

/** Which voice is asked for; by its language where it has no name. */
export interface WantedVoice {
  readonly name: string | undefined
  readonly language: string | undefined
}

/** What speaks where nothing is asked for. */
const usualVoice = "alloy"

const audio = { rate: defaultSampleRate, width: 2, channels: 1 }

/** Speaks texts as events: 24 kHz, mono, 16 bits, out of the cache where it is there. */
export const makeSpeaking = Effect.gen(function* () {
  const speech = yield* Speech
  const voices = yield* VoiceList
  const { model } = (yield* Fleet).traits("magpie")

  const voiceOf = ({ language, name }: WantedVoice) => {
    if (name !== undefined) return Effect.succeed(name)
    if (language === undefined) return Effect.succeed(usualVoice)
    const wanted = language.replaceAll("_", "-").toLowerCase()
    return voices.known.pipe(
      Effect.map(
        ({ bases }) =>
          (
            bases.find((base) => base.language?.toLowerCase() === wanted) ??
            bases.find((base) => base.language?.toLowerCase().split("-")[0] === wanted.split("-")[0])
          )?.id ?? usualVoice,
      ),
      Effect.orElseSucceed(() => usualVoice),
    )
  }

  /** @param isLeaving whether an interruption is the client's leaving, which pays for what it was handed */
  return Effect.fnUntraced(function* (
    text: string,
    wanted: WantedVoice,
    send: Send,
    isLeaving: (cause: Cause.Cause<unknown>) => boolean,
  ) {
    const spoken = yield* speech.speak({
      ...{ text, model, voice: yield* voiceOf(wanted), format: "pcm", speed: 1, cacheControl: "use" },
    })
    // What is out is told when its end is, too.
    const handed = (all: "all" | number) => (all === "all" ? Effect.void : spoken.delivered(all))
    yield* send("audio-start", audio)
    // A chunk may end within a sample.
    let half: Uint8Array = new Uint8Array()
    yield* Stream.runForEach(paid({ ...spoken, delivered: handed }, { isLeaving }), (bytes) => {
      const all = half.length === 0 ? bytes : Buffer.concat([half, bytes])
      const whole = all.length & ~1
      half = all.slice(whole)
      return whole === 0 ? Effect.void : send("audio-chunk", audio, all.subarray(0, whole))
    })
    yield* send("audio-stop")
    yield* spoken.delivered("all")
  }, Effect.scoped)
})
