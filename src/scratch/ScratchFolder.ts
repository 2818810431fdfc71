import { randomBytes } from "node:crypto"
import { Clock, Effect, FileSystem, Metric, Option, Path, PlatformError, Schedule, type Scope, Semaphore } from "effect"
import { elapsedMillis } from "../telemetry/Elapsed.ts"
import * as Metrics from "../telemetry/Metrics.ts"
import { describeProcess, type Life, lifeOf, type Owner, ownerFromJson, ownerToJson } from "./Owner.ts"
import { walkAway } from "./WalkAway.ts"

/** How often a process shows that its folder is in use, and how often it looks for strays. */
const heartbeat = "30 seconds"
const sweepInterval = "1 minute"

/** A folder whose owner cannot be seen is a stray once we have watched its heartbeat stand still for this long by our own clock. */
const watchedForMillis = 120_000

/** A folder without a record of its owner is a stray once it is this old: its process died between the two. */
const ownerlessForMillis = 600_000

/** For one call to the disk. */
const patienceMillis = 30_000

const folderName = /^[0-9a-f]{16}$/
const ownerFile = "owner.json"

/**
 * Where one process writes files that nobody else knows of: a folder of its own, which it shows to be in use.
 *
 * - `file`: an empty file, which goes with the scope
 * - `next`: a fresh path, for whoever makes and removes the file itself. The folder is there.
 * - `lost`: what was asked of a path said that there is no such folder
 * - `files`: the paths of all files that are there, of this process and of all others
 * - `others`: the folders of other processes, what can be seen of those, and when they last showed that theirs is in use
 * - `check`: whether the folder can be written to; makes it where somebody removed it
 * - `sweep`: removes the folders of processes that are no more; their number
 */
export interface ScratchFolder {
  readonly file: Effect.Effect<string, PlatformError.PlatformError, Scope.Scope>
  readonly next: Effect.Effect<string, PlatformError.PlatformError>
  readonly lost: Effect.Effect<void>
  readonly files: Effect.Effect<ReadonlyArray<string>, PlatformError.PlatformError>
  readonly others: Effect.Effect<ReadonlyArray<OtherFolder>, PlatformError.PlatformError>
  readonly check: Effect.Effect<void, PlatformError.PlatformError>
  readonly sweep: Effect.Effect<number, PlatformError.PlatformError>
}

/** @property beat Unix milliseconds by the clock of whoever wrote it */
interface OtherFolder {
  readonly name: string
  readonly life: Life
  readonly beat: number
}

const isGone = (error: PlatformError.PlatformError) => error.reason._tag === "NotFound"

const patiently = <A>(method: string, call: Effect.Effect<A, PlatformError.PlatformError>) =>
  walkAway(call, patienceMillis, () =>
    PlatformError.systemError({
      _tag: "TimedOut",
      module: "ScratchFolder",
      method,
      description: `no answer for ${patienceMillis} ms`,
      cause: { code: "TIMEOUT" },
    }),
  )

/**
 * @param all the folder that holds those of all processes that write there; it is made when it is first needed. Whoever
 * shares it, on this machine or another, sweeps what the others leave behind, and only that.
 */
export const makeScratchFolder = Effect.fnUntraced(function* (
  all: string,
): Effect.fn.Return<ScratchFolder, never, FileSystem.FileSystem | Path.Path | Scope.Scope> {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const name = randomBytes(8).toString("hex")
  const own = path.join(all, name)
  const self = yield* describeProcess(fs)
  const watched = new Map<string, { readonly beat: number; readonly since: number }>()
  const making = yield* Semaphore.make(1)
  let [wanted, made, closed] = [false, false, false]
  let count = 0

  const make = Effect.gen(function* () {
    if (made || closed) return
    yield* fs.makeDirectory(own, { recursive: true, mode: 0o700 })
    yield* fs.writeFileString(path.join(own, ownerFile), ownerToJson(self), { mode: 0o600 })
    if (wanted) yield* Effect.logWarning(`The folder ${own} was removed while it was in use, and has been made again.`)
    wanted = made = true
  })

  // Run to its end whoever stops waiting, so that the folder cannot come into being after it was removed.
  const ready = Effect.suspend(() => (made ? Effect.void : patiently("makeDirectory", making.withPermit(make))))

  const lost = Effect.sync(() => void (made = false))

  const check = Effect.gen(function* () {
    yield* ready
    const now = (yield* Clock.currentTimeMillis) / 1_000
    const beat = patiently("utimes", fs.utimes(path.join(own, ownerFile), now, now))
    yield* Effect.catchIf(beat, isGone, () => Effect.andThen(lost, ready))
  })

  const next = Effect.map(ready, () => path.join(own, String(++count)))

  const remove = (target: string) => Effect.ignore(fs.remove(target, { recursive: true, force: true }))

  const create = Effect.suspend(() => {
    let abandoned = false
    const creating = Effect.gen(function* () {
      const target = yield* next
      yield* Effect.scoped(fs.open(target, { flag: "wx", mode: 0o600 }))
      if (abandoned) yield* remove(target)
      return target
    })
    return Effect.onError(patiently("open", creating), () => Effect.sync(() => void (abandoned = true)))
  })

  const file = Effect.acquireRelease(
    Effect.catchIf(create, isGone, () => Effect.andThen(lost, create)),
    (target) => Effect.ignore(patiently("remove", remove(target))),
  )

  const names = (folder: string) =>
    fs.readDirectory(folder).pipe(Effect.catchIf(isGone, () => Effect.succeed<Array<string>>([])))

  const foldersOfAll = Effect.map(patiently("readDirectory", names(all)), (found) =>
    found.filter((one) => folderName.test(one)),
  )

  const files = Effect.gen(function* () {
    const folders = yield* foldersOfAll
    const found = yield* Effect.forEach(folders, (folder) =>
      Effect.map(names(path.join(all, folder)), (inside) =>
        inside.filter((one) => one !== ownerFile).map((one) => path.join(all, folder, one)),
      ),
    )
    return found.flat()
  })

  const ownerOf = (folder: string): Effect.Effect<Option.Option<Owner>> =>
    fs.readFileString(path.join(folder, ownerFile)).pipe(
      Effect.map(ownerFromJson),
      Effect.orElseSucceed(() => Option.none()),
    )

  const modified = (target: string) =>
    Effect.map(fs.stat(target), ({ mtime }) => Option.match(mtime, { onNone: () => 0, onSome: (at) => at.getTime() }))

  const seenOf = (owner: Option.Option<Owner>): Effect.Effect<Life> =>
    Option.isSome(owner) ? lifeOf(fs, self, owner.value) : Effect.succeed("unseen")

  const beatOf = (folder: string) => modified(path.join(folder, ownerFile)).pipe(Effect.catch(() => modified(folder)))

  const others = Effect.gen(function* () {
    const found: Array<OtherFolder> = []
    for (const other of yield* foldersOfAll) {
      if (other === name) continue
      const folder = path.join(all, other)
      const seen = Effect.all({ life: Effect.flatMap(ownerOf(folder), seenOf), beat: beatOf(folder) })
      // Removed while we look.
      const one = yield* patiently("readFile", Effect.option(seen))
      if (Option.isSome(one)) found.push({ name: other, ...one.value })
    }
    return found
  })

  /** How old a heartbeat is nobody asks: the clocks of other machines may be wrong by any amount. */
  const isStray = Effect.fnUntraced(function* (folder: string) {
    const owner = yield* ownerOf(folder)
    const life = yield* seenOf(owner)
    if (life !== "unseen") return life === "gone"
    const beat = yield* beatOf(folder)
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

  const sweep = Effect.gen(function* () {
    let swept = 0
    for (const other of yield* foldersOfAll) {
      if (other === name) continue
      const folder = path.join(all, other)
      const stray = yield* Effect.orElseSucceed(patiently("readFile", isStray(folder)), () => false)
      if (!stray) continue
      yield* patiently("remove", fs.remove(folder, { recursive: true, force: true }))
      watched.delete(folder)
      swept += 1
    }
    if (swept > 0) yield* Metric.update(Metrics.scratchSwept, swept)
    return swept
  })

  yield* Effect.addFinalizer(() => {
    closed = true
    return Effect.ignore(patiently("remove", making.withPermit(remove(own))))
  })
  const keepUp = Effect.suspend(() => (wanted ? Effect.ignoreCause(check) : Effect.void))
  yield* Effect.forkScoped(Effect.repeat(keepUp, Schedule.spaced(heartbeat)))
  yield* Effect.forkScoped(Effect.schedule(Effect.ignoreCause(sweep), Schedule.spaced(sweepInterval)))

  return { file, next, lost, files, others, check, sweep }
})
