import { Effect, Stream } from "effect"
import type { Pcm } from "../audio/Pcm.ts"
import { EmbeddedError, embeddedError, NoSuchVoice } from "./EmbeddedError.ts"
import { localThreads, startLocal } from "./LocalModel.ts"
import { ModelFolderError } from "./ModelFolder.ts"
import { findVoice } from "./VoiceFolder.ts"
import { VoiceRpcs } from "./VoiceRpcs.ts"

/**
 * The voice of sherpa-onnx in `directory`, which `setting` names, in a process of its own. It is loaded, and has spoken once, when this
 * returns. `speak` gives a sentence at a time, as each is made; interrupting it drops what has not begun.
 */
export const makeLocalVoice = Effect.fnUntraced(function* (setting: string, directory: string) {
  const model = yield* findVoice(setting, directory, localThreads)
  const pool = yield* startLocal(VoiceRpcs, "LocalVoiceWorker", setting, model, { workerData: model.config })
  const { sampleRate } = yield* pool
    .run((client) => client.About())
    .pipe(Effect.mapError(({ message }) => new ModelFolderError({ message: `${setting}: ${message}` })))
  return {
    ...model,
    speak: (text: string, voice: string, speed: number): Stream.Stream<Pcm, EmbeddedError> =>
      Stream.suspend(() => {
        const speaker = model.voices.indexOf(voice)
        if (speaker === -1)
          return Stream.fail(new EmbeddedError({ reason: new NoSuchVoice({ voice, available: model.voices }) }))
        return pool
          .stream((client) => client.Say({ text, speaker, speed }, { streamBufferSize: 1 }))
          .pipe(
            Stream.mapError(embeddedError),
            // Copied: what comes from another process lies anywhere in its message, an Int16Array only at an even place.
            Stream.map((bytes) => ({ sampleRate, samples: new Int16Array(Uint8Array.from(bytes).buffer) })),
          )
      }),
  }
})
