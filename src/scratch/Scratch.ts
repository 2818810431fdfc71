import { Context, Effect, Layer, Path } from "effect"
import { LiveSettings } from "../LiveSettings.ts"
import { Settings } from "../Settings.ts"
import { makePrivate } from "./PrivateFolders.ts"
import { makeScratchFolder, type ScratchFolder } from "./ScratchFolder.ts"
import { makeScratchSpace, type ScratchSpace } from "./ScratchSpace.ts"

const make = Effect.gen(function* () {
  const { cacheDir, dataDir } = yield* Settings
  const live = yield* LiveSettings
  const path = yield* Path.Path
  const entries = cacheDir ?? path.join(dataDir, "cache")
  yield* makePrivate(dataDir, entries)
  return Scratch.of({
    cache: yield* folder(path.join(entries, "tmp")),
    uploads: yield* folder(path.join(dataDir, "tmp")),
    recordings: yield* folder(path.join(dataDir, "recordings")),
    space: makeScratchSpace({
      get all() {
        const { uploadsMax, uploadsMaxBytes } = live.now()
        return { uploads: uploadsMax, bytes: uploadsMaxBytes }
      },
      get account() {
        const { accountUploadsMax, accountUploadsMaxBytes } = live.now()
        return { uploads: accountUploadsMax, bytes: accountUploadsMaxBytes }
      },
    }),
  })
})

/**
 * Folders for files that live no longer than a request or a flight. A start removes what killed gateways left there, and
 * keeps what belongs to living ones that share the directories.
 *
 * @property cache entries that are being written: on the file system of the cache, since a rename works only there
 * @property space what uploads and recordings may take of it
 */
export class Scratch extends Context.Service<
  Scratch,
  {
    readonly cache: ScratchFolder
    readonly uploads: ScratchFolder
    readonly recordings: ScratchFolder
    readonly space: ScratchSpace
  }
>()("aviary/scratch/Scratch") {
  static readonly layer = Layer.effect(Scratch, make)
}

const folder = Effect.fnUntraced(function* (directory: string) {
  const made = yield* makeScratchFolder(directory)
  yield* Effect.catch(made.sweep, (error) =>
    Effect.logWarning(`What earlier gateways left in ${directory} cannot be swept: ${error.message}`),
  )
  return made
})
