import "../workers/StandBack.ts"
import { Effect, Stream } from "effect"
import { setImmediate } from "node:timers/promises"
import { serve } from "../workers/WorkerServer.ts"
import { SpeechFinderFailed, SpeechFinderRpcs } from "./SpeechFinderRpcs.ts"
import { openRecording, readSamples, stretches } from "./Stretches.ts"

const attempt = <A>(work: () => Promise<A>) =>
  Effect.tryPromise({
    try: work,
    catch: (cause) => new SpeechFinderFailed({ message: cause instanceof Error ? cause.message : String(cause) }),
  })

serve(
  SpeechFinderRpcs,
  SpeechFinderRpcs.toLayer({
    Find: ({ path, samples }) =>
      Stream.unwrap(
        Effect.map(
          Effect.acquireRelease(
            attempt(() => openRecording(path)),
            (opened) => Effect.promise(() => opened.close()),
          ),
          (file) =>
            stretches(
              (from, to) =>
                Stream.fromEffect(
                  attempt(async () => {
                    // Lets an interruption in.
                    await setImmediate()
                    return readSamples(file, from, to)
                  }),
                ),
              samples,
            ),
        ),
      ),
  }),
)
