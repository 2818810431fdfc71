import { Context, Effect, Layer } from "effect"
import * as AnsweringThread from "../../workers/AnsweringThread.ts"
import { workerUrl } from "../../workers/WorkerPool.ts"
import { mayNeedReading, readAloud } from "./SpokenMarks.ts"

/** Texts of which it is remembered how they are read: what is asked for again is asked for soon, and is in the cache then. */
const mostRemembered = 200

/** How long the thread may take, its start on a busy machine with it. No page takes it a tenth of a second otherwise. */
const patienceMillis = 15_000

const make = Effect.gen(function* () {
  const thread = yield* AnsweringThread.make<{ readonly text: string; readonly english: boolean }, string>({
    url: workerUrl("SpeakableWorker", import.meta.url),
    workerData: {},
    patienceMillis,
  })
  const remembered = new Map<string, string>()
  const remember = (key: string, spoken: string) => {
    if (remembered.size >= mostRemembered) remembered.delete(remembered.keys().next().value!)
    remembered.set(key, spoken)
  }

  const read = Effect.fnUntraced(function* (text: string, language: string) {
    const english = /^en\b/i.test(language)
    const key = `${english} ${text}`
    const known = remembered.get(key)
    if (known !== undefined) return known
    const spoken = yield* thread.ask({ text, english })
    remember(key, spoken)
    return spoken
  })
  return Speakable.of({
    read: (text, language) => {
      if (!mayNeedReading(text)) return Effect.succeed(text)
      return read(text, language).pipe(
        Effect.catchTag("WorkerLost", ({ message }) =>
          Effect.as(
            Effect.logWarning("A text is spoken with its marks, since they could not be read.", message),
            readAloud(text),
          ),
        ),
      )
    },
  })
})

/**
 * What is read aloud of a text as people and models write it.
 *
 * - `read`: of markdown what a person would read, of other text all but emoji and rows of symbols; possibly nothing. `language` is BCP 47
 */
export class Speakable extends Context.Service<
  Speakable,
  { readonly read: (text: string, language: string) => Effect.Effect<string> }
>()("aviary/speech/Speakable") {
  static readonly layer = Layer.effect(Speakable, make)
}
