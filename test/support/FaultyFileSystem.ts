import { Deferred, Effect, Exit, FileSystem, Option, PlatformError, Scope } from "effect"

/**
 * What befalls one call.
 *
 * - an errno: the call does nothing and fails
 * - `torn`: a write writes half and then fails with ENOSPC; any other call fails with EIO after it was done
 * - `delay`: the call happens late, when `release` is run
 * - `kill`: the process dies before the call, `killAfter` right after it. Nothing after that has any effect
 */
export type Fault = "ENOSPC" | "EIO" | "EROFS" | "EACCES" | "ENOENT" | "torn" | "delay" | "kill" | "killAfter"

/**
 * A `FileSystem` over another one, whose calls can be made to go wrong.
 *
 * @property calls the calls since the last `plan`, in order, such as `rename`
 * @property plan what is to befall a call, asked with its place in `calls` and its name
 * @property killed done once a `kill` has happened
 * @property release lets delayed calls happen
 * @property bury ends the calls under way and closes what a killed process would have left open, as its kernel would
 */
export interface Faulty {
  readonly fs: FileSystem.FileSystem
  readonly calls: Array<string>
  readonly plan: (fault: (at: number, call: string) => Fault | undefined) => void
  readonly killed: Deferred.Deferred<void>
  readonly release: Effect.Effect<void>
  readonly bury: Effect.Effect<void>
}

const failure = (method: string, code: string) =>
  PlatformError.systemError({
    module: "FileSystem",
    method,
    _tag: code === "ENOENT" ? "NotFound" : "Unknown",
    cause: Object.assign(new Error(`${code}: injected, ${method}`), { code }),
  })

export const makeFaulty = Effect.gen(function* () {
  const real = yield* FileSystem.FileSystem
  const killed = yield* Deferred.make<void>()
  const calls: Array<string> = []
  const held = new Set<Deferred.Deferred<void>>()
  const open = new Set<Scope.Closeable>()
  let fault: (at: number, call: string) => Fault | undefined = () => undefined
  let dead = false
  let underWay = 0

  const die = Effect.suspend(() => {
    dead = true
    return Effect.andThen(Deferred.succeed(killed, undefined), Effect.never)
  })

  const ended = Effect.sync(() => void (underWay -= 1))
  const turn = Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))

  const gate = <A, R>(
    method: string,
    call: Effect.Effect<A, PlatformError.PlatformError, R>,
    half: Effect.Effect<unknown, PlatformError.PlatformError, R> = call,
  ): Effect.Effect<A, PlatformError.PlatformError, R> =>
    Effect.suspend(() => {
      if (dead) return Effect.never
      const what = fault(calls.push(method) - 1, method)
      switch (what) {
        case undefined:
          // A call that was under way when the process died may have happened, but nobody learns of it.
          underWay += 1
          return Effect.tap(Effect.ensuring(call, ended), () => (dead ? Effect.never : Effect.void))
        case "kill":
          return die
        case "killAfter":
          return Effect.andThen(Effect.exit(call), die)
        case "torn":
          return Effect.andThen(half, Effect.fail(failure(method, half === call ? "EIO" : "ENOSPC")))
        case "delay": {
          const go = Deferred.makeUnsafe<void>()
          held.add(go)
          return Effect.andThen(Deferred.await(go), call)
        }
        default:
          return Effect.fail(failure(method, what))
      }
    })

  const wrapFile = (file: FileSystem.File): FileSystem.File => ({
    ...file,
    [FileSystem.FileTypeId]: FileSystem.FileTypeId,
    stat: gate("stat", file.stat),
    sync: gate("sync", file.sync),
    seek: (offset, from) => file.seek(offset, from),
    read: (buffer, options) => gate("read", file.read(buffer, options)),
    readAlloc: (size, options) =>
      gate("read", file.readAlloc(size, options), file.readAlloc(size >> 1, options).pipe(Effect.as(Option.none()))),
    truncate: (length) => gate("truncate", file.truncate(length)),
    write: (bytes) => gate("write", file.write(bytes)),
    writeAll: (bytes) => gate("write", file.writeAll(bytes), file.writeAll(bytes.subarray(0, bytes.length >> 1))),
  })

  const openGated: FileSystem.FileSystem["open"] = (path, options) =>
    Effect.uninterruptible(
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        yield* Effect.addFinalizer((exit) =>
          Effect.suspend(() => (dead ? Effect.void : (open.delete(scope), Scope.close(scope, exit)))),
        )
        open.add(scope)
        return wrapFile(yield* gate("open", Scope.provide(real.open(path, options), scope)))
      }),
    )

  const fs: FileSystem.FileSystem = {
    ...real,
    open: openGated,
    readDirectory: (...args) => gate("readDirectory", real.readDirectory(...args)),
    readFileString: (...args) => gate("readFile", real.readFileString(...args)),
    readLink: (...args) => gate("readLink", real.readLink(...args)),
    writeFileString: (...args) => gate("writeFile", real.writeFileString(...args)),
    makeDirectory: (...args) => gate("makeDirectory", real.makeDirectory(...args)),
    remove: (...args) => gate("remove", real.remove(...args)),
    rename: (...args) => gate("rename", real.rename(...args)),
    stat: (...args) => gate("stat", real.stat(...args)),
    exists: (...args) => gate("access", real.exists(...args)),
    utimes: (...args) => gate("utimes", real.utimes(...args)),
  }

  return {
    fs,
    calls,
    plan: (next) => {
      calls.length = 0
      fault = next
    },
    killed,
    release: Effect.suspend(() => {
      const all = [...held]
      held.clear()
      return Effect.forEach(all, (go) => Deferred.succeed(go, undefined), { discard: true })
    }),
    bury: Effect.suspend(() => {
      dead = true
      const close = Effect.forEach([...open], (scope) => Scope.close(scope, Exit.void), { discard: true })
      // What the kernel had begun it ends, before the next process looks.
      return Effect.andThen(underWay === 0 ? Effect.void : Effect.repeat(turn, { until: () => underWay === 0 }), close)
    }),
  } satisfies Faulty
})
