import { createHash } from "node:crypto"
import { Effect, FileSystem, Stream } from "effect"
import type { NimEngines } from "./NimEngines.ts"
import { missing, type NimForm } from "./NimForm.ts"
import { NimRefusal, type NimReply } from "./NimReply.ts"

/** A transcription as the form asked for it. `audible`: in a container that the NIM understands. */
export interface NimHearing {
  readonly path: string
  readonly language: string
  readonly format: "json" | "text"
  readonly audible: boolean
  readonly sha256: string
}

const refuse = (detail: string) => new NimRefusal({ status: 400, detail })

const containers = ["RIFF", "OggS", "fLaC"]

const fingerprint = Effect.fnUntraced(function* (path: string) {
  const fs = yield* FileSystem.FileSystem
  const hash = createHash("sha256")
  let start = ""
  yield* Stream.runForEach(fs.stream(path), (bytes) =>
    Effect.sync(() => {
      if (start.length < 4) start += Buffer.from(bytes.subarray(0, 4)).toString("latin1")
      hash.update(bytes)
    }),
  )
  return { sha256: hash.digest("hex"), start: start.slice(0, 4) }
})

/** Reads the fields `file`, `language`, `model` and `response_format`. */
export const readHearing = Effect.fnUntraced(function* (
  { fields, file }: NimForm,
  { languages }: NimEngines["Service"],
): Effect.fn.Return<NimHearing, NimRefusal, FileSystem.FileSystem> {
  const { language, model, response_format: format = "json" } = fields
  if (file === undefined) return yield* missing("file")
  if (language === undefined && model === undefined) return yield* refuse("Either language or model must be provided")
  if (format !== "json" && format !== "text") return yield* refuse(`Unsupported response_format ${format}`)
  const [first = "en-US"] = languages
  // The field `model` overrules the language, and only the NIM's internal ids are known to it.
  const asked = model === undefined ? language : undefined
  if (asked === undefined || (asked !== "multi" && !languages.includes(asked)))
    return yield* refuse(
      `Unavailable model requested given these parameters: ${model === undefined ? `language_code=${language}` : `model=${model}`}; sample_rate=16000; type=offline;`,
    )
  const { sha256, start } = yield* Effect.mapError(fingerprint(file), () => refuse("The upload cannot be read"))
  return {
    path: file,
    language: asked === "multi" ? first : asked,
    format,
    audible: containers.includes(start),
    sha256,
  }
})

/** The answer to a transcription. An unknown container gives an empty text, as a real NIM was seen to do. */
export const hear = Effect.fnUntraced(function* (engines: NimEngines["Service"], hearing: NimHearing) {
  const text = hearing.audible ? yield* engines.transcribe(hearing.path, hearing.language) : ""
  const json = hearing.format === "json"
  const body = Buffer.from(json ? JSON.stringify({ text }) : text)
  return {
    contentType: json ? "application/json" : "text/plain; charset=utf-8",
    length: body.length,
    body: Stream.succeed(new Uint8Array(body)),
  } satisfies NimReply
})
