import { Effect, Option, type Path } from "effect"
import { type CacheError, whenGone } from "./CacheError.ts"
import { CacheKey } from "./CacheKey.ts"
import type { Disk } from "./Disk.ts"

/**
 * Where entries are: `v1/<first two digits>/<key>` below `root`. A next layout gets a next folder.
 *
 * - `place`: gives a finished file the name of `key`, in a folder that is made when first needed
 * - `write`: the same for what is in no file yet; see `Disk.writeNew`
 * - `syncNames`: makes all names that were given survive a loss of power. Where that fails, those that are left are for the next time
 * - `shards`: folders that hold entries
 */
export type EntryFolders = ReturnType<typeof makeEntryFolders>

export const makeEntryFolders = (options: { readonly disk: Disk; readonly path: Path.Path; readonly root: string }) => {
  const { disk, path, root } = options
  const layout = path.join(root, "v1")
  // Plain names below a path that is one already: `path.join` would look at each letter for each request.
  const shardOf = (key: CacheKey) => layout + path.sep + key.slice(0, 2)
  const pathOf = (key: CacheKey) => shardOf(key) + path.sep + key
  const made = new Set<string>()
  /** Folders with names that a loss of power may take: as many as there are folders, at most. */
  const unsynced = new Set<string>()

  const makeShard = Effect.fnUntraced(function* (key: CacheKey) {
    const shard = shardOf(key)
    if (made.has(shard)) return
    yield* disk.run("writing", "makeDirectory", (fs) => fs.makeDirectory(shard, { recursive: true, mode: 0o700 }))
    if (made.size === 0) unsynced.add(root)
    unsynced.add(layout)
    made.add(shard)
  })

  const foldersGone = Effect.suspend(() => {
    made.clear()
    return Effect.logWarning(`Folders of ${layout} were removed while they were in use, and are made again.`)
  })

  /** `give` gives an entry's file its name. */
  const named = (key: CacheKey, give: Effect.Effect<void, CacheError>) => {
    const once = Effect.tap(Effect.andThen(makeShard(key), give), () => Effect.sync(() => unsynced.add(shardOf(key))))
    return Effect.catch(once, (error) =>
      // Of a file that is not renamed but made it would be the folder there that is gone.
      error.kind === "ENOENT" && error.operation === "rename" ? Effect.andThen(foldersGone, once) : Effect.fail(error),
    )
  }

  const namesIn = (folder: string) =>
    disk
      .run("reading", "readDirectory", (fs) => fs.readDirectory(folder))
      .pipe(whenGone(() => Effect.succeed<Array<string>>([])))

  return {
    pathOf,
    place: (from: string, key: CacheKey) =>
      named(
        key,
        disk.run("writing", "rename", (fs) => fs.rename(from, pathOf(key))),
      ),
    write: (temp: string, key: CacheKey, pieces: ReadonlyArray<Uint8Array>) =>
      named(key, disk.writeNew({ pieces, temp, path: pathOf(key) })),
    syncNames: Effect.suspend(() =>
      // Not the set itself: what gets names meanwhile would be come to again and again.
      Effect.forEach(
        [...unsynced],
        (folder) => {
          // Before it is synced: a name that is given meanwhile may come too late for that.
          unsynced.delete(folder)
          return disk.syncFolder(folder).pipe(
            whenGone(() => Effect.void),
            Effect.onError(() => Effect.sync(() => unsynced.add(folder))),
          )
        },
        { discard: true },
      ),
    ),
    shards: Effect.map(namesIn(layout), (names) => names.filter((name) => /^[0-9a-f]{2}$/.test(name))),
    keysIn: (shard: string) =>
      Effect.map(namesIn(path.join(layout, shard)), (names) =>
        names.flatMap((name) => Option.toArray(CacheKey.makeOption(name))),
      ),
  }
}
