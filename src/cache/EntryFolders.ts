import { Effect, Option, type Path } from "effect"
import { type CacheError, whenGone } from "./CacheError.ts"
import { CacheKey } from "./CacheKey.ts"
import type { Disk } from "./Disk.ts"

/**
 * Where entries are: `v1/<first two digits>/<key>` below `root`. A next layout gets a next folder.
 *
 * - `place`: gives a finished file the name of `key`, in a folder that is made when first needed
 * - `settle`: makes that name survive a loss of power
 * - `write`: both for what is in no file yet; see `Disk.writeNew`
 * - `shards`: folders that hold entries
 */
export type EntryFolders = ReturnType<typeof makeEntryFolders>

export const makeEntryFolders = (options: {
  readonly disk: Disk
  readonly path: Path.Path
  readonly root: string
  /** A name that may not survive a loss of power: the entry is whole, but not for sure there. */
  readonly onUnsynced: (error: CacheError) => Effect.Effect<void>
}) => {
  const { disk, path, root } = options
  const layout = path.join(root, "v1")
  // Plain names below a path that is one already: `path.join` would look at each letter for each request.
  const shardOf = (key: CacheKey) => layout + path.sep + key.slice(0, 2)
  const pathOf = (key: CacheKey) => shardOf(key) + path.sep + key
  const made = new Set<string>()

  const sync = (folder: string) => Effect.catch(disk.syncDirectory(folder), options.onUnsynced)

  const makeShard = Effect.fnUntraced(function* (key: CacheKey) {
    const shard = shardOf(key)
    if (made.has(shard)) return
    yield* disk.run("writing", "makeDirectory", (fs) => fs.makeDirectory(shard, { recursive: true, mode: 0o700 }))
    if (made.size === 0) yield* sync(root)
    yield* sync(layout)
    made.add(shard)
  })

  const foldersGone = Effect.suspend(() => {
    made.clear()
    return Effect.logWarning(`Folders of ${layout} were removed while they were in use, and are made again.`)
  })

  const rename = (from: string, key: CacheKey) =>
    Effect.andThen(
      makeShard(key),
      disk.run("writing", "rename", (fs) => fs.rename(from, pathOf(key))),
    )

  const namesIn = (folder: string) =>
    disk
      .run("reading", "readDirectory", (fs) => fs.readDirectory(folder))
      .pipe(whenGone(() => Effect.succeed<Array<string>>([])))

  return {
    pathOf,
    place: (from: string, key: CacheKey) =>
      rename(from, key).pipe(whenGone(() => Effect.andThen(foldersGone, rename(from, key)))),
    settle: (key: CacheKey) => sync(shardOf(key)),
    write: Effect.fnUntraced(function* (temp: string, key: CacheKey, pieces: ReadonlyArray<Uint8Array>) {
      const write = Effect.andThen(
        makeShard(key),
        disk.writeNew({ pieces, temp, path: pathOf(key), folder: shardOf(key) }),
      )
      const unsynced = yield* Effect.catch(write, (error) =>
        // Of the file at `temp` it would be the folder there that is gone.
        error.kind === "ENOENT" && error.operation === "rename"
          ? Effect.andThen(foldersGone, write)
          : Effect.fail(error),
      )
      if (unsynced !== undefined) yield* options.onUnsynced(unsynced)
    }),
    shards: Effect.map(namesIn(layout), (names) => names.filter((name) => /^[0-9a-f]{2}$/.test(name))),
    keysIn: (shard: string) =>
      Effect.map(namesIn(path.join(layout, shard)), (names) =>
        names.flatMap((name) => Option.toArray(CacheKey.makeOption(name))),
      ),
  }
}
