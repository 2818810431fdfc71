import { type Context, Effect, Exit, FileSystem, Layer, Scope } from "effect"
import { type NewFileCalls, SystemCalls } from "../../src/cache/NewFile.ts"

/** What a new file takes, of a file system that is not Node's own. Where it sleeps, it does so by the clock of `context`. */
export const callsOf = (fs: FileSystem.FileSystem, context: Context.Context<never>): NewFileCalls => {
  const runPromise = Effect.runPromiseWith(context)
  const opened = new Map<number, { readonly file: FileSystem.File; readonly scope: Scope.Closeable }>()
  let last = 0
  // A failure carries what the system said, as Node's own do.
  const run = <A, E extends { readonly reason: object }>(call: Effect.Effect<A, E>): Promise<A> =>
    runPromise(
      Effect.mapError(call, ({ reason }) =>
        Object.assign("cause" in reason ? (reason.cause as Error) : new Error(), {
          syscall: "method" in reason ? reason.method : "",
        }),
      ),
    )
  const open = async (path: string, flag: FileSystem.OpenFlag) => {
    const scope = Scope.makeUnsafe()
    const file = await run(
      Scope.provide(fs.open(path, { flag, mode: 0o600 }), scope).pipe(
        Effect.onError(() => Scope.close(scope, Exit.void)),
      ),
    )
    opened.set(++last, { file, scope })
    return last
  }
  return {
    isThere: (path) => runPromise(Effect.orElseSucceed(fs.exists(path), () => true)),
    create: (path) => open(path, "wx+"),
    write: (file, pieces) => {
      const { file: one } = opened.get(file)!
      return run(Effect.andThen(one.writeAll(Buffer.concat(pieces)), one.sync))
    },
    close: (file) => runPromise(Scope.close(opened.get(file)!.scope, Exit.void)),
    rename: (from, to) => run(fs.rename(from, to)),
    remove: (path) => run(fs.remove(path, { force: true })),
    syncFolder: (path) => run(Effect.scoped(Effect.flatMap(fs.open(path, { flag: "r" }), (folder) => folder.sync))),
  }
}

/** `SystemCalls` over the `FileSystem` that is there. */
export const layerCalls = Layer.effect(
  SystemCalls,
  Effect.gen(function* () {
    return callsOf(yield* FileSystem.FileSystem, yield* Effect.context<never>())
  }),
)
