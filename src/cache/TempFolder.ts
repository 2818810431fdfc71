import { randomBytes } from "node:crypto"
import { Clock, Effect, Fiber, Metric, Option, type Path, Schedule, type Scope, Semaphore } from "effect"
import * as Metrics from "../telemetry/Metrics.ts"
import { type CacheError, whenGone } from "./CacheError.ts"
import type { Disk } from "./Disk.ts"
import { describeProcess, isGone, type Owner, ownerFromJson, ownerToJson } from "./Owner.ts"

/** How often a gateway shows that its folder is in use, and how often it looks for strays. */
const heartbeat = "30 seconds"
const sweepInterval = "1 minute"

/** A folder is a stray once we have watched its heartbeat stand still for this long, by our own clock; milliseconds. */
const watchedFor = 120_000

/** A folder whose heartbeat is this old is a stray at first sight; milliseconds, ample for clocks that disagree. */
const staleAfter = 600_000

const folderName = /^[0-9a-f]{16}$/
const ownerFile = "owner.json"

/**
 * Where this gateway writes files that are not entries yet: a folder of its own below the cache's `tmp`, on the same
 * file system as the entries, since a rename works only there.
 *
 * - `next`: a fresh path in it; makes the folder where it is missing
 * - `forget`: the folder was found gone, make it again next time
 * - `sweep`: removes the folders of gateways that are no more; their number
 *
 * To take a living gateway's folder for a stray costs that gateway the entries it is just writing, and nothing else:
 * their renames fail, their listeners read on from open files.
 */
export interface TempFolder {
  readonly next: Effect.Effect<string, CacheError>
  readonly forget: Effect.Effect<void>
  readonly sweep: Effect.Effect<number, CacheError>
}

export const makeTempFolder = Effect.fnUntraced(function* (
  disk: Disk,
  path: Path.Path,
  root: string,
): Effect.fn.Return<TempFolder, never, Scope.Scope> {
  const all = path.join(root, "tmp")
  const name = randomBytes(8).toString("hex")
  const own = path.join(all, name)
  const self = yield* describeProcess(disk)
  const watched = new Map<string, { readonly beat: number; readonly since: number }>()
  const making = yield* Semaphore.make(1)
  let made = false
  let count = 0

  const make = Effect.gen(function* () {
    if (made) return
    yield* disk.run("writing", "makeDirectory", (fs) => fs.makeDirectory(own, { recursive: true }))
    yield* disk.run("writing", "writeFile", (fs) => fs.writeFileString(path.join(own, ownerFile), ownerToJson(self)))
    made = true
  })

  const beat = Effect.gen(function* () {
    if (!made) return
    const now = (yield* Clock.currentTimeMillis) / 1_000
    yield* disk.run("writing", "utimes", (fs) => fs.utimes(path.join(own, ownerFile), now, now))
  }).pipe(Effect.catch(() => Effect.sync(() => void (made = false))))

  const modified = (file: string) => Effect.map(disk.stat(file), (stamp) => stamp.modified)

  const ownerOf = (folder: string): Effect.Effect<Option.Option<Owner>> =>
    disk
      .run("reading", "readFile", (fs) => fs.readFileString(path.join(folder, ownerFile)))
      .pipe(
        Effect.map(ownerFromJson),
        Effect.orElseSucceed(() => Option.none()),
      )

  const isStray = Effect.fnUntraced(function* (folder: string) {
    const owner = yield* ownerOf(folder)
    if (Option.isSome(owner) && (yield* isGone(disk, self, owner.value))) return true
    const last = yield* modified(path.join(folder, ownerFile)).pipe(Effect.catch(() => modified(folder)))
    const now = yield* Clock.currentTimeMillis
    if (now - last > staleAfter) return true
    const before = watched.get(folder)
    if (before === undefined || before.beat !== last) {
      watched.set(folder, { beat: last, since: now })
      return false
    }
    return now - before.since >= watchedFor
  })

  const sweep = Effect.gen(function* () {
    const names = yield* disk
      .run("reading", "readDirectory", (fs) => fs.readDirectory(all))
      .pipe(whenGone(() => Effect.succeed<Array<string>>([])))
    let swept = 0
    for (const other of names) {
      if (other === name || !folderName.test(other)) continue
      const folder = path.join(all, other)
      const stray = yield* Effect.orElseSucceed(isStray(folder), () => false)
      if (!stray) continue
      yield* disk.run("writing", "remove", (fs) => fs.remove(folder, { recursive: true, force: true }))
      watched.delete(folder)
      swept += 1
    }
    if (swept > 0) yield* Metric.update(Metrics.cacheStrays, swept)
    return swept
  })

  /** Runs to its end whoever stops waiting for it, so that the folder cannot come into being after it was removed. */
  const makeOnce = Effect.uninterruptibleMask((restore) =>
    Effect.forkDetach(making.withPermit(make), { startImmediately: true, uninterruptible: true }).pipe(
      Effect.flatMap((fiber) => restore(Fiber.join(fiber))),
    ),
  )

  yield* Effect.addFinalizer(() =>
    Effect.ignore(disk.run("writing", "remove", (fs) => fs.remove(own, { recursive: true, force: true }))).pipe(
      making.withPermit,
    ),
  )
  yield* Effect.forkScoped(Effect.repeat(beat, Schedule.spaced(heartbeat)))
  yield* Effect.forkScoped(Effect.schedule(Effect.ignoreCause(sweep), Schedule.spaced(sweepInterval)))

  return {
    next: Effect.gen(function* () {
      if (!made) yield* makeOnce
      count += 1
      return path.join(own, String(count))
    }),
    forget: Effect.sync(() => void (made = false)),
    sweep,
  }
})
