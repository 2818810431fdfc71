import { Clock, Context, Duration, Effect, Layer, Result, Schema } from "effect"
import { readFile, stat } from "node:fs/promises"
import { Settings, SettingsError, table } from "../Settings.ts"

/** How often it is looked whether the file has changed, where texts are spoken at all. */
const lookAgainAfter = Duration.seconds(1)

/** More than a dictionary of names needs, and little enough to be searched in every text. */
const [mostBytes, mostWords] = [1_048_576, 2_000]

const Dictionary = Schema.fromJsonString(Schema.Record(Schema.NonEmptyString, Schema.String))
const decode = Schema.decodeUnknownResult(Dictionary)

/** Puts spellings in the place of words. */
type Respell = (text: string) => string

const asItIs: Respell = (text) => text

/** Words are found in any case, whole, and the longest first. */
export const respellerOf = (dictionary: Readonly<Record<string, string>>): Respell => {
  const spellings = new Map(
    Object.entries(dictionary).map(([word, spelling]) => [word.normalize("NFC").trim().toLowerCase(), spelling]),
  )
  spellings.delete("")
  if (spellings.size === 0) return asItIs
  const words = [...spellings.keys()]
    .toSorted((a, b) => b.length - a.length)
    .map((word) => word.replaceAll(/[\\^$.*+?()[\]{}|/]/g, "\\$&"))
  const pattern = new RegExp(`(?<![\\p{L}\\p{M}\\p{N}])(?:${words.join("|")})(?![\\p{L}\\p{M}\\p{N}])`, "giu")
  return (text) => text.normalize("NFC").replaceAll(pattern, (word) => spellings.get(word.toLowerCase()) ?? word)
}

interface Read {
  readonly version: string
  readonly respell: Respell
}

const load = async (path: string): Promise<Read> => {
  const { mtimeMs, size } = await stat(path)
  if (size > mostBytes) throw new Error(`it is larger than ${mostBytes} bytes`)
  const decoded = decode(await readFile(path, "utf8"))
  if (Result.isFailure(decoded)) throw new Error('it is no JSON such as {"nginx":"engine x"}')
  if (Object.keys(decoded.success).length > mostWords) throw new Error(`it has more than ${mostWords} words`)
  return { version: `${mtimeMs} ${size}`, respell: respellerOf(decoded.success) }
}

const why = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const make = Effect.gen(function* () {
  const { pronunciations: path } = yield* Settings
  if (path === undefined) return Pronunciations.of({ current: Effect.succeed(asItIs) })
  const read = Effect.tryPromise({ try: () => load(path), catch: why })
  let last = yield* Effect.mapError(
    read,
    (reason) =>
      new SettingsError({
        message: `${table.pronunciations.name}=${JSON.stringify(path)} is not valid: the file cannot be used, ${reason}.`,
      }),
  )
  let lookedAt = yield* Clock.currentTimeMillis
  let failed = ""

  const look = Effect.gen(function* () {
    const version = yield* Effect.tryPromise({
      try: async () => {
        const { mtimeMs, size } = await stat(path)
        return `${mtimeMs} ${size}`
      },
      catch: why,
    })
    if (version === last.version || version === failed) return
    failed = version
    last = yield* read
    yield* Effect.logInfo("The pronunciations were read again.", path)
  }).pipe(
    Effect.catch((reason) =>
      Effect.logWarning("The pronunciations cannot be read again; the last ones are kept.", reason),
    ),
  )

  const current = Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    if (now - lookedAt >= Duration.toMillis(lookAgainAfter)) {
      lookedAt = now
      yield* look
    }
    return last.respell
  })
  return Pronunciations.of({ current })
})

/**
 * How words are to be spelled for the voice, by the operator's file.
 *
 * - `current`: what respells a text, by the file as it is now. The spelling is what is spoken and what names an entry of the cache, so that
 *   a change makes those speeches anew that use its word, and no others.
 */
export class Pronunciations extends Context.Service<Pronunciations, { readonly current: Effect.Effect<Respell> }>()(
  "aviary/speech/Pronunciations",
) {
  static readonly layer = Layer.effect(Pronunciations, make)
}
