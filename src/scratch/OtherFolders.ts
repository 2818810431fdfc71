import { Clock, Effect, FileSystem, Metric, Option, Path } from "effect"
import { elapsedMillis } from "../telemetry/Elapsed.ts"
import * as Metrics from "../telemetry/Metrics.ts"
import { type Life, lifeOf, type Owner, ownerFile, ownerFromJson } from "./Owner.ts"
import { isGone, patiently } from "./Patience.ts"

/** A folder whose owner cannot be seen is a stray once we have watched its heartbeat stand still for this long by our own clock. */
const watchedForMillis = 120_000

/** A folder without a record of its owner is a stray once it is this old: its process died between the two. */
const ownerlessForMillis = 600_000

const folderName = /^[0-9a-f]{16}$/

/** @property beat Unix milliseconds by the clock of whoever wrote it */
export interface OtherFolder {
  readonly name: string
  readonly life: Life
  readonly beat: number
}

/** What `self` can see of a folder. */
const makeSight = Effect.fnUntraced(function* (self: Owner) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path

  const ownerOf = (folder: string): Effect.Effect<Option.Option<Owner>> =>
    fs.readFileString(path.join(folder, ownerFile)).pipe(
      Effect.map(ownerFromJson),
      Effect.orElseSucceed(() => Option.none()),
    )

  const modified = (target: string) =>
    Effect.map(fs.stat(target), ({ mtime }) => Option.match(mtime, { onNone: () => 0, onSome: (at) => at.getTime() }))

  const lifeOfOwner = (owner: Option.Option<Owner>): Effect.Effect<Life> =>
    Option.isSome(owner) ? lifeOf(fs, self, owner.value) : Effect.succeed("unseen")

  const beatOf = (folder: string) => modified(path.join(folder, ownerFile)).pipe(Effect.catch(() => modified(folder)))

  return { ownerOf, lifeOfOwner, beatOf }
})

/** Which folders are nobody's any more, by what is seen of them from one sweep to the next. */
const makeStrays = (sight: Effect.Success<ReturnType<typeof makeSight>>) => {
  const watched = new Map<string, { readonly beat: number; readonly since: number }>()

  /** How old a heartbeat is nobody asks: the clocks of other machines may be wrong by any amount. */
  const isStray = Effect.fnUntraced(function* (folder: string) {
    const owner = yield* sight.ownerOf(folder)
    const life = yield* sight.lifeOfOwner(owner)
    if (life !== "unseen") return life === "gone"
    const beat = yield* sight.beatOf(folder)
    const now = yield* Clock.currentTimeMillis
    const passed = yield* elapsedMillis
    if (Option.isNone(owner) && now - beat > ownerlessForMillis) return true
    const before = watched.get(folder)
    if (before === undefined || before.beat !== beat) {
      watched.set(folder, { beat, since: passed })
      return false
    }
    return passed - before.since >= watchedForMillis
  })

  return { isStray, forget: (folder: string) => void watched.delete(folder) }
}

/**
 * What is in the folder `all`, where the folder `own` belongs to this process, `self`. `files`, `others`, `sweep`,
 * `unshared` and `inherit` are as in `ScratchFolder`.
 */
export const makeOtherFolders = Effect.fnUntraced(function* (
  all: string,
  own: string,
  self: Owner,
  inherit: (files: ReadonlyArray<string>) => Effect.Effect<void, unknown>,
) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const sight = yield* makeSight(self)
  const strays = makeStrays(sight)

  const names = (folder: string) =>
    fs.readDirectory(folder).pipe(Effect.catchIf(isGone, () => Effect.succeed<Array<string>>([])))

  const folders = Effect.map(patiently("readDirectory", names(all)), (found) =>
    found.filter((one) => folderName.test(one)),
  )

  const filesIn = (folder: string) =>
    Effect.map(names(path.join(all, folder)), (inside) =>
      inside.filter((one) => one !== ownerFile).map((one) => path.join(all, folder, one)),
    )

  const files = Effect.flatMap(folders, (found) => Effect.map(Effect.forEach(found, filesIn), (each) => each.flat()))

  const others = Effect.gen(function* () {
    const found: Array<OtherFolder> = []
    for (const other of yield* folders) {
      if (other === own) continue
      const folder = path.join(all, other)
      const seen = Effect.all({
        life: Effect.flatMap(sight.ownerOf(folder), sight.lifeOfOwner),
        beat: sight.beatOf(folder),
      })
      // Removed while we look.
      const one = yield* patiently("readFile", Effect.option(seen))
      if (Option.isSome(one)) found.push({ name: other, ...one.value })
    }
    return found
  })

  const sweep = Effect.gen(function* () {
    let swept = 0
    for (const other of yield* folders) {
      if (other === own) continue
      const folder = path.join(all, other)
      const stray = yield* Effect.orElseSucceed(patiently("readFile", strays.isStray(folder)), () => false)
      if (!stray) continue
      const inherited = yield* Effect.isSuccess(Effect.flatMap(patiently("readDirectory", filesIn(other)), inherit))
      if (!inherited) continue
      yield* patiently("remove", fs.remove(folder, { recursive: true, force: true }))
      strays.forget(folder)
      swept += 1
    }
    if (swept > 0) yield* Metric.update(Metrics.scratchSwept, swept)
    return swept
  })

  const unshared = Effect.gen(function* () {
    if ((yield* folders).some((one) => one !== own)) return undefined
    const { ino, mtime } = yield* patiently("stat", fs.stat(all))
    return `${Option.getOrElse(ino, () => 0n)} ${Option.getOrUndefined(mtime)?.getTime()}`
  }).pipe(Effect.orElseSucceed(() => undefined))

  return { files, others, sweep, unshared }
})
