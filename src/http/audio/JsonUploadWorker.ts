import "../../workers/StandBack.ts"
import { Effect } from "effect"
import { readFileSync, writeFileSync } from "node:fs"
import { serve } from "../../workers/WorkerServer.ts"
import { JsonUploadFault, JsonUploadRpcs } from "./JsonUploadRpcs.ts"

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

/** Fields as a form would bring them; what is neither text nor a number nor a list of them is none that is known. */
const written = (name: string, value: unknown): ReadonlyArray<readonly [string, string]> => {
  if (Array.isArray(value)) return value.flatMap((member) => written(`${name}[]`, member))
  return ["string", "number", "boolean"].includes(typeof value) ? [[name, String(value)]] : []
}

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
  // Not created here: once the caller has left and removed it, nothing must bring it back.
  onDisk(() => writeFileSync(output, bytes, { flag: "r+" }))
  return Object.entries(fields).flatMap(([name, value]) => written(name, value))
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
