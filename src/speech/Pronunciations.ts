import { Clock, Context, Duration, Effect, Layer, Result, Schema } from "effect"
import { readFile, stat } from "node:fs/promises"
import { noSounds, type Sounds, wholeWords } from "../audio/Sounds.ts"
import type { TraitsOf } from "../health/Fleet.ts"
import { LiveSettings } from "../LiveSettings.ts"
import { SettingsError, table } from "../Settings.ts"
import { normalise } from "./SpokenText.ts"

/** How often it is looked whether the file has changed, where texts are spoken at all. */
const lookAgainAfter = Duration.seconds(1)

/** More than a dictionary of names needs, and little enough to be searched in every text. */
const [mostBytes, mostWords] = [1_048_576, 2_000]

const Dictionary = Schema.fromJsonString(Schema.Record(Schema.NonEmptyString, Schema.String))
const decode = Schema.decodeUnknownResult(Dictionary)

/** Sounds between slashes, a spelling for engines that take none behind them, or a spelling alone. */
const entryForm = /^\/([^/]+)\/\s*(.*)$/su

interface Entry {
  readonly ipa: string | undefined
  readonly spelling: string | undefined
}

const entryOf = (value: string): Entry => {
  const [, ipa, spelling] = entryForm.exec(value.trim()) ?? []
  if (ipa === undefined) return { ipa: undefined, spelling: normalise(value) }
  return { ipa: normalise(ipa), spelling: spelling === "" ? undefined : normalise(spelling!) }
}

/** What an engine takes of sounds. */
type Takes = (ipa: string) => boolean

/**
 * A text as the voice is to have it.
 *
 * @property sounds of words that are in it and are handed on as they sound
 */
interface Pronounced {
  readonly text: string
  readonly sounds: Sounds
}

/**
 * A dictionary.
 *
 * - `read`: of a normalised text, for an engine that takes these sounds
 * - `unspoken`: words that are left as they are written, since the engine does not take their sounds and no spelling is said
 */
interface Words {
  readonly read: (text: string, takes: Takes) => Pronounced
  readonly unspoken: (takes: Takes) => ReadonlyArray<string>
}

const asItIs: Words = { read: (text) => ({ text, sounds: noSounds }), unspoken: () => [] }

/** Words are found in any case, whole, and the longest first. */
export const wordsOf = (dictionary: Readonly<Record<string, string>>): Words => {
  const entries = new Map(
    Object.entries(dictionary).map(([word, value]) => [normalise(word).toLowerCase(), entryOf(value)]),
  )
  entries.delete("")
  if (entries.size === 0) return asItIs
  const pattern = wholeWords(entries.keys())
  return {
    read: (text, takes) => {
      const sounds = new Map<string, string>()
      const respelled = text.replaceAll(pattern, (word) => {
        const { ipa, spelling } = entries.get(word.toLowerCase()) ?? { ipa: undefined, spelling: undefined }
        if (ipa === undefined || !takes(ipa)) return spelling ?? word
        sounds.set(word.toLowerCase(), ipa)
        return word
      })
      return { text: normalise(respelled), sounds }
    },
    unspoken: (takes) =>
      [...entries].flatMap(([word, { ipa, spelling }]) =>
        ipa !== undefined && spelling === undefined && !takes(ipa) ? [word] : [],
      ),
  }
}

interface Read {
  readonly version: string
  readonly words: Words
}

/** Where no file is named. */
const nothing: Read = { version: "", words: asItIs }

const versionOf = async (path: string): Promise<string> => {
  const { mtimeMs, size } = await stat(path)
  return `${mtimeMs} ${size}`
}

const load = async (path: string): Promise<Read> => {
  const { size } = await stat(path)
  if (size > mostBytes) throw new Error(`it is larger than ${mostBytes} bytes`)
  const version = await versionOf(path)
  const decoded = decode(await readFile(path, "utf8"))
  if (Result.isFailure(decoded)) {
    throw new Error('it is no JSON such as {"nginx":"engine x","tomato":"/təˈmeɪtoʊ/"}')
  }
  if (Object.keys(decoded.success).length > mostWords) throw new Error(`it has more than ${mostWords} words`)
  return { version, words: wordsOf(decoded.success) }
}

const why = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** An engine, as far as it decides how words are handed to it. */
type Speaker = Pick<TraitsOf<"magpie">, "model" | "takesIpa">

const takesOf = ({ takesIpa }: Speaker): Takes => takesIpa ?? (() => false)

/** Words that a line of the log names. */
const mostNamed = 10

const unspokenLine = (words: ReadonlyArray<string>, { model, takesIpa }: Speaker): string => {
  const named = words.slice(0, mostNamed).join(", ") + (words.length > mostNamed ? ", …" : "")
  return takesIpa === undefined
    ? `${table.pronunciations.name}: ${model} takes spellings only, no IPA, so that these words are spoken as they are written: ${named}. Write a spelling behind their IPA: "/təˈmeɪtoʊ/ tuh may toe".`
    : `${table.pronunciations.name}: ${model} has not all the sounds of these words, so that they are spoken as they are written: ${named}. Write a spelling behind their IPA: "/təˈmeɪtoʊ/ tuh may toe".`
}

const make = Effect.gen(function* () {
  const live = yield* LiveSettings
  const read = (from: string | undefined) =>
    from === undefined ? Effect.succeed(nothing) : Effect.tryPromise({ try: () => load(from), catch: why })
  const usable = (from: string | undefined) =>
    Effect.mapError(
      read(from),
      (reason) =>
        new SettingsError({
          message: `${table.pronunciations.name}=${JSON.stringify(from)} is not valid: the file cannot be used, ${reason}.`,
        }),
    )
  live.checkedBy(({ pronunciations }) => usable(pronunciations))
  let path = live.now().pronunciations
  let last = yield* usable(path)
  let lookedAt = yield* Clock.currentTimeMillis
  let failed = ""
  const checked = new WeakMap<Words, Set<string>>()

  const look = Effect.gen(function* () {
    const from = live.now().pronunciations
    const version = yield* Effect.tryPromise({
      try: () => (from === undefined ? Promise.resolve(nothing.version) : versionOf(from)),
      catch: why,
    })
    if (from === path && (version === last.version || version === failed)) return
    failed = version
    last = yield* read(from)
    path = from
    if (from === undefined) return
    yield* Effect.logInfo("The pronunciations were read again.", from)
  }).pipe(
    Effect.catch((reason) =>
      Effect.logWarning("The pronunciations cannot be read again; the last ones are kept.", reason),
    ),
  )

  /** Once for each dictionary and model. */
  const check = (speaker: Speaker) =>
    Effect.suspend(() => {
      const models = checked.get(last.words) ?? new Set<string>()
      if (models.has(speaker.model)) return Effect.void
      checked.set(last.words, models.add(speaker.model))
      const unspoken = last.words.unspoken(takesOf(speaker))
      return unspoken.length === 0 ? Effect.void : Effect.logWarning(unspokenLine(unspoken, speaker))
    })

  const readAsSaid = Effect.fnUntraced(function* (text: string, speaker: Speaker) {
    const now = yield* Clock.currentTimeMillis
    if (live.now().pronunciations !== path || now - lookedAt >= Duration.toMillis(lookAgainAfter)) {
      lookedAt = now
      yield* look
      yield* check(speaker)
    }
    return last.words.read(text, takesOf(speaker))
  })

  return Pronunciations.of({
    check,
    read: (text, speaker) =>
      live.now().pronunciations === undefined && path === undefined
        ? Effect.succeed(asItIs.read(text, () => false))
        : readAsSaid(text, speaker),
  })
})

/**
 * How words are to be said by the voice, by the operator's file as it is now: by another spelling, or by their sounds where the engine
 * takes them. Both name an entry of the cache, so that a change makes those speeches anew that use its word, and no others.
 *
 * - `read`: a normalised text as that engine is to have it
 * - `check`: says in the log which words the engine cannot be told the sounds of; once, until the file changes
 */
export class Pronunciations extends Context.Service<
  Pronunciations,
  {
    readonly read: (text: string, speaker: Speaker) => Effect.Effect<Pronounced>
    readonly check: (speaker: Speaker) => Effect.Effect<void>
  }
>()("aviary/speech/Pronunciations") {
  static readonly layer = Layer.effect(Pronunciations, make)
}
