import type { EngineKind } from "./EngineKind.ts"

/**
 * One row of `/v1/models`.
 *
 * @property kind what the row says that it does; absent: it does not say
 * @property voices that the row lists
 */
export interface ListedModel {
  readonly id: string
  readonly kind: EngineKind | "voice" | "other" | undefined
  readonly voices: ReadonlyArray<string>
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const idKeys = ["id", "voice_id", "name"]

/** Ids in a list of names, or of objects that have one: some servers give a voice an id, some a name, some both. */
const idsIn = (list: unknown): ReadonlyArray<string> =>
  (Array.isArray(list) ? list : []).flatMap((each: unknown) => {
    const ids = isRecord(each) ? idKeys.map((key) => each[key]) : [each]
    const id = ids.find((one) => typeof one === "string" && one !== "")
    return typeof id === "string" ? [id] : []
  })

/**
 * The voices in an answer of `/v1/audio/voices`: `{"voices": […]}`, `{"data": […]}` or a list, of names (Kokoro) or of objects (Open
 * WebUI's shape, speaches').
 */
export const voicesIn = (body: unknown): ReadonlyArray<string> => {
  const list = isRecord(body) ? (body["voices"] ?? body["data"]) : body
  return [...new Set(idsIn(list))]
}

// NeMo-Speech.cpp says `capability`, speaches `task`, Aviary `kind`.
const kindKeys = ["capability", "task", "kind"]
const kindWords: Readonly<Record<string, ListedModel["kind"]>> = {
  speech: "magpie",
  "text-to-speech": "magpie",
  tts: "magpie",
  transcription: "parakeet",
  "automatic-speech-recognition": "parakeet",
  stt: "parakeet",
  asr: "parakeet",
  voice: "voice",
}

const kindOf = (row: Readonly<Record<string, unknown>>): ListedModel["kind"] => {
  const said = kindKeys.map((key) => row[key]).find((word) => typeof word === "string")
  return typeof said === "string" ? (kindWords[said] ?? "other") : undefined
}

/** The rows of an answer of `/v1/models`, or undefined where it is none. */
export const modelsIn = (body: unknown): ReadonlyArray<ListedModel> | undefined => {
  const list = isRecord(body) ? body["data"] : body
  if (!Array.isArray(list)) return undefined
  return list.flatMap((row: unknown) =>
    isRecord(row) && typeof row["id"] === "string"
      ? [{ id: row["id"], kind: kindOf(row), voices: idsIn(row["voices"]) }]
      : [],
  )
}

/** How models that do not say what they do are called. */
const names: Readonly<Record<EngineKind, RegExp>> = {
  magpie: /tts|magpie|kokoro|piper|vits|voice|text-to-speech/i,
  parakeet: /whisper|parakeet|transcri|asr|stt|canary|moonshine|nemotron/i,
}

/** The model of a kind that a server means when none is named: the first that says so, else the first called so, else its only one. */
export const modelOf = (wanted: EngineKind, models: ReadonlyArray<ListedModel>): string | undefined => {
  const silent = models.filter(({ kind }) => kind === undefined)
  const only = models.length === 1 ? silent : []
  const found = [models.filter(({ kind }) => kind === wanted), silent.filter(({ id }) => names[wanted].test(id)), only]
  return found.flat()[0]?.id
}

/** The voices in `models`: those of the model called `model`, else those of all that speak, else rows that are voices. */
export const voicesOf = (model: string | undefined, models: ReadonlyArray<ListedModel>): ReadonlyArray<string> => {
  const found = [
    models.filter(({ id }) => id === model).flatMap(({ voices }) => voices),
    models.flatMap(({ voices }) => voices),
    models.filter(({ kind }) => kind === "voice").map(({ id }) => id),
  ]
  return [...new Set(found.find(({ length }) => length > 0))]
}
