import { Effect, Layer } from "effect"
import { readdirSync } from "node:fs"
import { AudioDecoder, type AudioDecoderOptions } from "../../src/audio/AudioDecoder.ts"
import { makeScratchFolder } from "../../src/scratch/ScratchFolder.ts"

/** A decoder whose recordings lie in `spool`. */
export const decoderIn = (spool: string, options: Partial<AudioDecoderOptions> = {}) =>
  Layer.unwrap(Effect.map(makeScratchFolder(spool), (scratch) => AudioDecoder.layer({ scratch, ...options })))

/** The recordings that lie there. */
export const recordingsIn = (spool: string): ReadonlyArray<string> =>
  readdirSync(spool, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== "owner.json")
    .map((entry) => entry.name)
