import { Effect, FileSystem, Stream } from "effect"
import { spoolFailed } from "../audio/DecodeError.ts"
import { wavHeader } from "../audio/WavHeader.ts"
import type { ApiError } from "../contract/ApiError.ts"
import { Errors } from "../contract/Errors.ts"
import { LiveSettings } from "../LiveSettings.ts"
import { Scratch } from "../scratch/Scratch.ts"
import { Transcription } from "../transcription/Transcription.ts"
import type { WyomingEvent } from "./Frames.ts"
import { formatIn, sameFormat } from "./Said.ts"

/** Where events go: waits until the system has taken one. */
export type Send = (type: string, data?: Readonly<Record<string, unknown>>, payload?: Uint8Array) => Effect.Effect<void>

/**
 * A recording that arrives chunk by chunk, on disk; gone with the scope.
 *
 * @property append fails where it gets larger than an upload may be, or what comes is written otherwise
 * @property finish the path of the whole file
 */
export interface Arriving {
  readonly append: (chunk: WyomingEvent) => Effect.Effect<void, SpoolFault>
  readonly finish: Effect.Effect<string, SpoolFault>
}
type SpoolFault = ReturnType<typeof spoolFailed> | ApiError

/** Takes recordings in, and has them heard. */
export const makeListening = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const { space, uploads } = yield* Scratch
  const live = yield* LiveSettings
  const transcription = yield* Transcription

  const arrive = Effect.fnUntraced(function* (account: string | undefined, first: WyomingEvent) {
    const format = yield* formatIn(first)
    const { uploadMaxBytes } = live.now()
    const room = yield* space.take(account, { uploads: 1, bytes: uploadMaxBytes })
    const spooled = Effect.mapError((error: { readonly cause?: unknown }) => spoolFailed(error.cause))
    const path = yield* spooled(uploads.file)
    const file = yield* spooled(fs.open(path, { flag: "r+" }))
    yield* spooled(file.writeAll(wavHeader(format.sampleRate, 0, format)))
    let bytes = 0
    return {
      append: Effect.fnUntraced(function* (chunk: WyomingEvent) {
        yield* sameFormat(chunk, format)
        bytes += chunk.payload.length
        if (bytes > uploadMaxBytes) return yield* Errors.bodyTooLarge(uploadMaxBytes)
        yield* spooled(file.writeAll(chunk.payload))
      }),
      finish: Effect.gen(function* () {
        room.resize(bytes)
        yield* spooled(file.seek(0n, "start"))
        yield* spooled(file.writeAll(wavHeader(format.sampleRate, bytes, format)))
        return path
      }),
    } satisfies Arriving
  })

  /** The transcript goes out as it is heard, then whole; the charge stands before the whole does. */
  const hear = Effect.fnUntraced(function* (path: string, language: string | undefined, send: Send) {
    const heard = yield* transcription.transcribe({ path, model: "wyoming", language, early: true })
    yield* send("transcript-start", { language: heard.language })
    let text = ""
    let handedMs = 0
    yield* Stream.runForEach(heard.segments, (segment) => {
      text += segment.text
      handedMs = segment.endMs
      return send("transcript-chunk", { text: segment.text })
    }).pipe(Effect.onInterrupt(() => heard.delivered(handedMs)))
    yield* heard.settle
    yield* send("transcript", { text: text.trim(), language: heard.language })
    yield* send("transcript-stop")
    yield* heard.delivered("all")
  }, Effect.scoped)

  return { arrive, hear }
})
