import { Effect, Stream } from "effect"
import { textOf } from "../../src/audio/Segment.ts"
import type { ParakeetClient } from "../../src/upstream/ParakeetClient.ts"

/** All of `text` in one segment, of a second. */
export const oneSegment = (text: string) => ({ startMs: 0, endMs: 1_000, text })

/** The whole text that `parakeet` hears. */
export const transcriptOf = (
  parakeet: ParakeetClient["Service"],
  ...asked: Parameters<ParakeetClient["Service"]["transcribe"]>
) => Effect.map(Stream.runCollect(parakeet.transcribe(...asked)), textOf)
