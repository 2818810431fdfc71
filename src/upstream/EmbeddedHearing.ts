import { Duration, Effect, Stream } from "effect"
import type { Segment } from "../audio/Segment.ts"
import type { EmbeddedError } from "../embedded/EmbeddedError.ts"
import type { Settings } from "../Settings.ts"
import { embeddedFailure } from "./EmbeddedFailure.ts"
import { type EngineError, errorOf } from "./EngineError.ts"
import { EngineTimedOut } from "./EngineFailure.ts"

/** What an engine inside the gateway hears, as `ParakeetClient.transcribe` gives it: it fails as a server would, also when its time is up. */
export const embeddedHearing = (
  heard: Stream.Stream<Segment, EmbeddedError>,
  { parakeetTimeout }: Settings["Service"],
): Stream.Stream<Segment, EngineError> => {
  const timeIsUp = Effect.delay(
    Effect.fail(new EngineTimedOut({ phase: "total", afterMillis: Duration.toMillis(parakeetTimeout) })),
    parakeetTimeout,
  )
  return heard.pipe(
    Stream.mapError(embeddedFailure),
    Stream.interruptWhen(timeIsUp),
    Stream.mapError(errorOf("parakeet")),
    Stream.withSpan("ParakeetClient.transcribe"),
  )
}
