import { ConfigProvider, Context, Effect, Semaphore } from "effect"
import type { limitTable } from "./LimitSettings.ts"
import type { readingTable } from "./ReadingSettings.ts"
import type { LiveSetting } from "./SettingKinds.ts"
import type { ReadSetting } from "./SettingReading.ts"
import { OtherSources, type SettingInForce, type SettingsError } from "./SettingSources.ts"

type Table = typeof readingTable & typeof limitTable

/** The settings that can change while the gateway runs. */
export type LiveValues = { readonly [K in keyof Table]: Table[K] extends LiveSetting<infer A> ? A : never }

/** All settings as they are written at one moment. */
interface Reading {
  readonly said: ReadonlyArray<ReadSetting & { readonly live: boolean }>
  readonly live: LiveValues
}

/**
 * What became of settings that were read again, by their names.
 *
 * @property file that was read; null where there is none, so that nothing can have changed
 * @property changed are in force from now on
 * @property needsRestart are written otherwise than the gateway was started with, and stay as they were
 */
export interface Reloaded {
  readonly file: string | null
  readonly changed: ReadonlyArray<string>
  readonly needsRestart: ReadonlyArray<string>
}

/**
 * The settings that can change while the gateway runs.
 *
 * - `now`: as they are at this moment, to be asked each time that one is needed
 * - `inForce`: every setting as it is in force, by the order of the table
 * - `reload`: reads the file again; the environment of a process that runs cannot change. What is not valid changes nothing
 * - `checkedBy`: `check` has its say before a change, for what a setting points at
 */
interface Service {
  readonly now: () => LiveValues
  readonly inForce: () => ReadonlyArray<SettingInForce>
  readonly reload: Effect.Effect<Reloaded, SettingsError>
  readonly checkedBy: (check: (next: LiveValues) => Effect.Effect<unknown, SettingsError>) => void
}

/** See `Service`; `Settings.layer` gives it. */
export class LiveSettings extends Context.Service<LiveSettings, Service>()("aviary/LiveSettings") {}

const inWords = ({ changed, file, needsRestart }: Reloaded): string =>
  file === null
    ? "There is no file of settings to be read again: the gateway was started without --config."
    : `The settings were read again from ${file}: ${changed.length === 0 ? "nothing has changed" : `${changed.join(", ")} changed`}.${
        needsRestart.length === 0 ? "" : ` Not before a restart: ${needsRestart.join(", ")}.`
      }`

/** @param first as the gateway was started with; `read` reads all of them again */
export const makeLiveSettings = Effect.fnUntraced(function* (
  first: Reading,
  read: Effect.Effect<Reading, SettingsError>,
) {
  const environment = yield* ConfigProvider.ConfigProvider
  const others = yield* OtherSources
  const turn = yield* Semaphore.make(1)
  const checks: Array<Parameters<Service["checkedBy"]>[0]> = []
  let current = first

  const reread = Effect.gen(function* () {
    const file = others.file
    if (file === undefined) return { file: null, changed: [], needsRestart: [] } satisfies Reloaded
    const weaker = [yield* file.read]
    const next = yield* read.pipe(
      Effect.provideService(OtherSources, { ...others, weaker }),
      Effect.provideService(ConfigProvider.ConfigProvider, environment),
    )
    for (const check of checks) yield* check(next.live)
    const differing = (was: Reading, live: boolean) =>
      next.said.flatMap((one, index) =>
        one.live === live && one.written !== was.said[index]!.written ? [one.inForce.name] : [],
      )
    const changed = differing(current, true)
    const needsRestart = differing(first, false)
    current = { said: next.said.map((one, index) => (one.live ? one : first.said[index]!)), live: next.live }
    return { file: file.path, changed, needsRestart } satisfies Reloaded
  })

  return LiveSettings.of({
    now: () => current.live,
    inForce: () => current.said.map(({ inForce }) => inForce),
    checkedBy: (check) => void checks.push(check),
    reload: reread.pipe(
      Effect.tap((reloaded) => Effect.logInfo(inWords(reloaded))),
      Effect.tapError(({ message }) => Effect.logWarning(`The settings stay as they are: ${message}`)),
      turn.withPermits(1),
    ),
  })
})
