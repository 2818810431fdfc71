import { Effect, Schema } from "effect"
import { readdir, stat } from "node:fs/promises"
import { basename, join, resolve } from "node:path"
import { NoOnnxFile, onnxMetadata } from "./OnnxFile.ts"

/** A folder that should hold a model of sherpa-onnx and does not; `message` is the one line that an operator sees. */
export class ModelFolderError extends Schema.TaggedError<ModelFolderError>()("ModelFolderError", {
  message: Schema.String,
}) {}

/**
 * A folder with a model.
 *
 * - `has`: whether it holds a file whose name fits.
 * - `file`: the path of the file whose name fits; of several the smaller kind, 8-bit integers, which a processor is faster with. Undefined
 *   where there is none.
 * - `need`: the same, failing where there is none; `what` says what it is.
 * - `metadata`: of the model at a path, which has to have `keys`.
 * - `fail`: a failure about this folder.
 */
export interface ModelFolder {
  readonly path: string
  readonly name: string
  readonly has: (pattern: RegExp) => boolean
  readonly file: (pattern: RegExp) => string | undefined
  readonly need: (pattern: RegExp, what: string) => Effect.Effect<string, ModelFolderError>
  readonly metadata: (
    path: string,
    keys: ReadonlyArray<string>,
  ) => Effect.Effect<ReadonlyMap<string, string>, ModelFolderError>
  readonly fail: (message: string) => Effect.Effect<never, ModelFolderError>
}

const isQuantized = (name: string) => /int8|quant/i.test(name)

const why = (cause: unknown) =>
  (cause as { readonly code?: string }).code === "ENOENT"
    ? "is not there"
    : (cause as { readonly code?: string }).code === "ENOTDIR"
      ? "is a file, not a folder"
      : `cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`

/** The folder that the setting `setting` names. */
export const openModelFolder = Effect.fnUntraced(function* (
  setting: string,
  directory: string,
): Effect.fn.Return<ModelFolder, ModelFolderError> {
  const path = resolve(directory)
  const fail = (message: string) => Effect.fail(new ModelFolderError({ message: `${setting}: ${message}` }))
  const names = yield* Effect.tryPromise({ try: () => readdir(path), catch: why }).pipe(
    Effect.catch((said) => fail(`the folder ${path} ${said}.`)),
  )
  const file = (pattern: RegExp) => {
    const fitting = names.filter((name) => pattern.test(name)).toSorted()
    const chosen = fitting.find(isQuantized) ?? fitting[0]
    return chosen === undefined ? undefined : join(path, chosen)
  }
  return {
    path,
    name: basename(path),
    has: (pattern) => file(pattern) !== undefined,
    file,
    need: Effect.fnUntraced(function* (pattern, what) {
      const found = file(pattern)
      if (found === undefined) return yield* fail(`${path} holds no ${what}.`)
      const size = yield* Effect.tryPromise({ try: () => stat(found), catch: why }).pipe(
        Effect.catch((said) => fail(`${found} ${said}.`)),
      )
      if (size.isFile() && size.size === 0) return yield* fail(`${found} is empty.`)
      return found
    }),
    metadata: Effect.fnUntraced(function* (model, keys) {
      const metadata = yield* Effect.tryPromise({
        try: () => onnxMetadata(model),
        catch: (cause) => (cause instanceof NoOnnxFile ? cause.message : why(cause)),
      }).pipe(Effect.catch((said) => fail(`${model} ${said}.`)))
      const missing = keys.filter((key) => !metadata.has(key))
      if (missing.length === 0) return metadata
      return yield* fail(
        `${model} has no ${missing.join(", ")} in its metadata: take a model that was exported for sherpa-onnx.`,
      )
    }),
    fail: (message) => fail(`${path} ${message}`),
  }
})
