import { ByteSize, Effect, Exit, FileSystem, Option, type PlatformError, Scope } from "effect"
import { makeDeadlines } from "../telemetry/Deadlines.ts"
import { CacheError } from "./CacheError.ts"
import { type NewFile, type NewFileCalls, SystemCalls, writeNewFile } from "./NewFile.ts"

/** How long the disk may take to answer, in milliseconds. Writing is allowed more: an fsync waits for a queue of others. */
const patience = { reading: 5_000, writing: 30_000 } as const

/**
 * Size in bytes, last change in milliseconds since 1970, and an `identity` that tells this file from any other that
 * ever had its path, as far as the file system can.
 */
export interface Stamp {
  readonly size: number
  readonly modified: number
  readonly identity: string
}

const stamp = (info: FileSystem.File.Info): Stamp => ({
  size: ByteSize.toNumberUnsafe(info.size),
  modified: Option.match(info.mtime, { onNone: () => 0, onSome: (date) => date.getTime() }),
  identity: `${info.dev}:${Option.getOrElse(info.ino, () => 0n)}`,
})

/**
 * An open file.
 *
 * - `read`: `length` bytes from `position`, fewer only at the end of the file. Does not move where `write` appends.
 * - `write`: appends all of `bytes`.
 * - `rewrite`: puts `bytes` in the place of the first ones. Nothing can be appended after it.
 */
export interface OpenFile {
  readonly read: (position: number, length: number) => Effect.Effect<Uint8Array, CacheError>
  readonly write: (bytes: Uint8Array) => Effect.Effect<void, CacheError>
  readonly rewrite: (bytes: Uint8Array) => Effect.Effect<void, CacheError>
  readonly sync: Effect.Effect<void, CacheError>
  readonly stat: Effect.Effect<Stamp, CacheError>
}

/**
 * File-system calls that can be walked away from. A call to the kernel cannot be taken back: if its file were closed
 * before it ran, its descriptor could by then be another file's. So every call runs to its end in a fiber of its own,
 * and a file is closed by whoever is last: the scope, or the call it left behind.
 */
export interface Disk {
  /** `afterwards` runs once the descriptor is closed, also when the call outlived its caller. */
  readonly open: (
    path: string,
    flag: FileSystem.OpenFlag,
    afterwards?: Effect.Effect<unknown>,
  ) => Effect.Effect<OpenFile, CacheError, Scope.Scope>
  readonly run: <A>(
    kind: keyof typeof patience,
    operation: string,
    call: (fs: FileSystem.FileSystem) => Effect.Effect<A, PlatformError.PlatformError>,
  ) => Effect.Effect<A, CacheError>
  /**
   * Makes a new file, as `writeNewFile`. One that comes too late, or that nobody waits for any more, gets no name.
   */
  readonly writeNew: (file: NewFile) => Effect.Effect<void, CacheError>
  /** Whether there is such a file, or that cannot be told in time. */
  readonly isThere: (path: string) => Effect.Effect<boolean>
  readonly stat: (path: string) => Effect.Effect<Stamp, CacheError>
  /** Makes the names in `folder` survive a loss of power. */
  readonly syncFolder: (folder: string) => Effect.Effect<void, CacheError>
}

/** What waits for calls, and no longer than `patience`. */
const makeWaiting = Effect.gen(function* () {
  const deadlines = yield* makeDeadlines
  const runFork = Effect.runForkWith(yield* Effect.context<never>())

  /** `start` makes the call, which runs to its end whatever happens to the waiting: a call to the kernel cannot be taken back. */
  const within = <A>(
    kind: keyof typeof patience,
    operation: string,
    start: (done: (answer: Effect.Effect<A, CacheError>) => void) => void,
  ): Effect.Effect<A, CacheError> =>
    Effect.callback<A, CacheError>((resume) => {
      const forget = deadlines.add({
        at: deadlines.now() + patience[kind],
        look: () => {
          resume(Effect.fail(CacheError.timedOut(operation, patience[kind])))
          return undefined
        },
      })
      start((answer) => {
        forget()
        resume(answer)
      })
      return Effect.sync(forget)
    })

  const ask = <A>(
    kind: keyof typeof patience,
    operation: string,
    call: Effect.Effect<A, PlatformError.PlatformError>,
  ) =>
    within<A>(kind, operation, (done) =>
      runFork(Effect.mapError(call, CacheError.fromPlatform), { uninterruptible: true }).addObserver(done),
    )

  const call = <A>(kind: keyof typeof patience, operation: string, call: () => Promise<A>) =>
    within<A>(kind, operation, (done) => {
      call().then(
        (answer) => done(Effect.succeed(answer)),
        (error: unknown) => done(Effect.fail(CacheError.fromNode(error))),
      )
    })
  return { ask, call }
})

type Waiting = Effect.Success<typeof makeWaiting>

const guard = ({ ask }: Waiting, file: FileSystem.File, scope: Scope.Closeable) => {
  let pending = 0
  let closing = false
  // A close can fail too (NFS reports lost writes there); by then the bytes are either synced or not wanted.
  const close = Effect.ignoreCause(Scope.close(scope, Exit.void))
  const left = Effect.suspend(() => {
    pending -= 1
    return closing && pending === 0 ? close : Effect.void
  })
  const run = <A>(
    kind: keyof typeof patience,
    operation: string,
    call: Effect.Effect<A, PlatformError.PlatformError>,
  ): Effect.Effect<A, CacheError> =>
    Effect.suspend(() => {
      if (closing) return Effect.fail(CacheError.broken(`${operation} on a file that is already closed`))
      pending += 1
      return ask(kind, operation, Effect.ensuring(call, left))
    })
  const release = Effect.suspend(() => {
    closing = true
    return pending === 0 ? close : Effect.void
  })
  const opened: OpenFile = {
    read: Effect.fnUntraced(function* (position, length) {
      const some = (from: number) =>
        run("reading", "read", file.readAlloc(length - from, { position: BigInt(position + from) })).pipe(
          Effect.map(Option.getOrElse(() => new Uint8Array(0))),
        )
      let got = yield* some(0)
      // The kernel may answer with fewer bytes than there are.
      while (got.length > 0 && got.length < length) {
        const more = yield* some(got.length)
        if (more.length === 0) break
        got = Buffer.concat([got, more])
      }
      return got
    }),
    write: (bytes) => run("writing", "write", file.writeAll(bytes)),
    rewrite: (bytes) => run("writing", "write", Effect.andThen(file.seek(0n, "start"), file.writeAll(bytes))),
    sync: run("writing", "sync", file.sync),
    stat: Effect.map(run("reading", "stat", file.stat), stamp),
  }
  return { opened, release }
}

const makeWriteNew =
  (calls: NewFileCalls, waiting: Waiting): Disk["writeNew"] =>
  (file) =>
    Effect.suspend(() => {
      let left: CacheError | undefined
      const leave = () => void (left = CacheError.broken("nobody waits for it any more"))
      const write = waiting.call("writing", "write", () => writeNewFile(calls, file, () => left))
      return Effect.onError(write, () => Effect.sync(leave))
    })

export const makeDisk = Effect.fnUntraced(function* (fs: FileSystem.FileSystem) {
  const waiting = yield* makeWaiting
  const { ask, call } = waiting
  const calls = yield* SystemCalls
  const opening = Effect.fnUntraced(function* (
    restore: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>,
    path: string,
    flag: FileSystem.OpenFlag,
    afterwards: Effect.Effect<unknown> | undefined,
  ) {
    const owner = yield* Effect.scope
    const scope = yield* Scope.make()
    if (afterwards !== undefined) yield* Scope.addFinalizer(scope, afterwards)
    const close = Effect.ignoreCause(Scope.close(scope, Exit.void))
    // Closed by whichever comes second: the end of the call, or the caller's losing interest.
    let done = false
    const second = Effect.suspend(() => {
      if (done) return close
      done = true
      return Effect.void
    })
    // What it makes is for its owner alone: entries are what somebody had spoken.
    const call = fs.open(path, { flag, mode: 0o600 }).pipe(
      Scope.provide(scope),
      Effect.onExit((exit) => (Exit.isFailure(exit) ? close : second)),
    )
    const file = yield* restore(ask(flag === "r" ? "reading" : "writing", "open", call)).pipe(
      Effect.onError(() => second),
    )
    const { opened, release } = guard(waiting, file, scope)
    yield* Scope.addFinalizer(owner, release)
    return opened
  })
  const open: Disk["open"] = (path, flag, afterwards) =>
    Effect.uninterruptibleMask((restore) => opening(restore, path, flag, afterwards))
  const disk: Disk = {
    open,
    run: (kind, operation, call) => ask(kind, operation, call(fs)),
    writeNew: makeWriteNew(calls, waiting),
    isThere: (path) =>
      Effect.orElseSucceed(
        call("reading", "access", () => calls.isThere(path)),
        () => true,
      ),
    stat: (path) => Effect.map(ask("reading", "stat", fs.stat(path)), stamp),
    syncFolder: (folder) => call("writing", "sync", () => calls.syncFolder(folder)),
  }
  return disk
})
