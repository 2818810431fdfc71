import "../workers/StandBack.ts"
import { Effect, Stream } from "effect"
import { setImmediate } from "node:timers/promises"
import { serve } from "../workers/WorkerServer.ts"
import { SpeechFinderRpcs } from "./SpeechFinderRpcs.ts"
import { openRecording, readSamples, stretches } from "./Stretches.ts"
import { attempt } from "./WorkFailed.ts"

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
