import { Effect, FileSystem, Stream } from "effect"
import { spoolFailed } from "../audio/DecodeError.ts"
import { wavHeader } from "../audio/WavHeader.ts"
import { Errors } from "../contract/Errors.ts"
import { LiveSettings } from "../LiveSettings.ts"
import { Scratch } from "../scratch/Scratch.ts"
import { Transcription } from "../transcription/Transcription.ts"
import type { WyomingEvent } from "./Frames.ts"

/** Where events go: waits until the system has taken one. */
export type Send = (type: string, data?: Readonly<Record<string, unknown>>, payload?: Uint8Array) => Effect.Effect<void>

const numberOf = (value: unknown, otherwise: number): number =>
  typeof value === "number" && Number.isInteger(value) && value > 0 ? value : otherwise

/** What is said of its audio, as satellites send it where they say nothing: 16 kHz, mono, 16 bits. */
const formatOf = ({ data }: WyomingEvent) => ({
  sampleRate: numberOf(data["rate"], 16_000),
  bytes: numberOf(data["width"], 2),
  channels: numberOf(data["channels"], 1),
})

/**
 * A recording that arrives chunk by chunk, on disk; gone with the scope.
 *
 * @property append fails where it gets larger than an upload may be
 * @property finish the path of the whole file
 */
export interface Arriving {
  readonly append: (samples: Uint8Array) => Effect.Effect<void, SpoolFault>
  readonly finish: Effect.Effect<string, SpoolFault>
}
type SpoolFault = ReturnType<typeof spoolFailed> | ReturnType<typeof Errors.bodyTooLarge>

/** Takes recordings in, and has them heard. */
export const makeListening = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const { space, uploads } = yield* Scratch
  const live = yield* LiveSettings
  const transcription = yield* Transcription

  const arrive = Effect.fnUntraced(function* (account: string | undefined, first: WyomingEvent) {
    const { uploadMaxBytes } = live.now()
    const room = yield* space.take(account, { uploads: 1, bytes: uploadMaxBytes })
    const spooled = Effect.mapError((error: { readonly cause?: unknown }) => spoolFailed(error.cause))
    const path = yield* spooled(uploads.file)
    const file = yield* spooled(fs.open(path, { flag: "r+" }))
    const format = formatOf(first)
    yield* spooled(file.writeAll(wavHeader(format.sampleRate, 0, format)))
    let bytes = 0
    return {
      append: (samples) => {
        bytes += samples.length
        return bytes > uploadMaxBytes ? Errors.bodyTooLarge(uploadMaxBytes) : spooled(file.writeAll(samples))
      },
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
