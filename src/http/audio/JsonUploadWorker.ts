import "../../workers/StandBack.ts"
import { Effect } from "effect"
import { readFileSync, writeFileSync } from "node:fs"
import { listFields, mostMembers, TranscriptionFields } from "../../contract/TranscriptionForm.ts"
import { serve } from "../../workers/WorkerServer.ts"
import { JsonUploadFault, JsonUploadRpcs, maxFieldBytes } from "./JsonUploadRpcs.ts"

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const fault = (which: JsonUploadFault["fault"]) => new JsonUploadFault({ fault: which })

const onDisk = <A>(work: () => A): A => {
  try {
    return work()
  } catch {
    throw fault("disk")
  }
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    throw fault("json")
  }
}

const isWritten = (value: unknown): boolean => ["string", "number", "boolean"].includes(typeof value)

/**
 * Fields as a form would bring them; what is neither text nor a number nor a list of them is none that is known. They all pass through the
 * gateway's own loop, so they are few and short: of a list as many members as show that it is too long.
 */
const written = (name: string, value: unknown): ReadonlyArray<readonly [string, string]> => {
  const members = Array.isArray(value) ? value.slice(0, mostMembers + 1) : [value]
  const texts = members.filter(isWritten).map(String)
  if (texts.reduce((bytes, text) => bytes + Buffer.byteLength(text), 0) > maxFieldBytes) throw fault("field")
  return texts.map((text) => [Array.isArray(value) ? `${name}[]` : name, text])
}

/** What the contract knows, and nothing else: a field may have any name, and there may be millions. */
const known = new Set([...Object.keys(TranscriptionFields.fields), ...listFields])

const unwrap = (input: string, output: string) => {
  const body = parsed(onDisk(() => readFileSync(input, "utf8")))
  if (!isRecord(body)) throw fault("body")
  const { input_audio: audio, ...fields } = body
  const data = isRecord(audio) ? audio["data"] : undefined
  if (typeof data !== "string" || data === "") throw fault("data")
  // Browsers make data URLs of recordings.
  const encoded = data.replace(/^data:[^,]{0,200},/, "")
  const bytes = Buffer.from(encoded, "base64")
  // Node leaves out what is not base64; three quarters of the letters are bytes where all of them are.
  if (bytes.length === 0 || bytes.length < Math.floor((encoded.trimEnd().length * 3) / 4) - 3) throw fault("base64")
  const others = [...known].flatMap((name) => (Object.hasOwn(fields, name) ? written(name, fields[name]) : []))
  // Not created here: once the caller has left and removed it, nothing must bring it back.
  onDisk(() => writeFileSync(output, bytes, { flag: "r+" }))
  return others
}

serve(
  JsonUploadRpcs,
  JsonUploadRpcs.toLayer({
    Unwrap: ({ input, output }) =>
      Effect.try({
        try: () => unwrap(input, output),
        catch: (error) => (error instanceof JsonUploadFault ? error : fault("json")),
      }),
  }),
)
