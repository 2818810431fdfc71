import { randomBytes } from "node:crypto"
import { Effect, FileSystem, Path, type PlatformError, Schedule, type Scope } from "effect"
import { makeOtherFolders, type OtherFolder } from "./OtherFolders.ts"
import { makeOwnFolder } from "./OwnFolder.ts"
import { describeProcess } from "./Owner.ts"

/** How often a process shows that its folder is in use, and how often it looks for strays. */
const heartbeat = "30 seconds"
const sweepInterval = "1 minute"

/**
 * Where one process writes files that nobody else knows of: a folder of its own, which it shows to be in use.
 *
 * - `file`: an empty file, which goes with the scope
 * - `next`: a fresh path, for whoever makes and removes the file itself. The folder is there.
 * - `lost`: what was asked of a path said that there is no such folder
 * - `files`: the paths of all files that are there, of this process and of all others
 * - `others`: the folders of other processes, what can be seen of those, and when they last showed that theirs is in use
 * - `check`: whether the folder can be written to; makes it where somebody removed it
 * - `unshared`: the same text as before where no other process has a folder, and none came or left since then; undefined where one has, or nothing
 *   can be told
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
  readonly unshared: Effect.Effect<string | undefined>
}

/**
 * @param all the folder that holds those of all processes that write there; it is made when it is first needed. Whoever
 * shares it, on this machine or another, sweeps what the others leave behind, and only that.
 * @param inherit is given the files of a folder that is about to be swept; where it fails, the folder stays
 */
export const makeScratchFolder = Effect.fnUntraced(function* (
  all: string,
  inherit: (files: ReadonlyArray<string>) => Effect.Effect<void, unknown> = () => Effect.void,
): Effect.fn.Return<ScratchFolder, never, FileSystem.FileSystem | Path.Path | Scope.Scope> {
  const name = randomBytes(8).toString("hex")
  const self = yield* describeProcess(yield* FileSystem.FileSystem)
  const { beat, ...own } = yield* makeOwnFolder((yield* Path.Path).join(all, name), self)
  const others = yield* makeOtherFolders(all, name, self, inherit)
  yield* Effect.forkScoped(Effect.repeat(beat, Schedule.spaced(heartbeat)))
  yield* Effect.forkScoped(Effect.schedule(Effect.ignoreCause(others.sweep), Schedule.spaced(sweepInterval)))
  return { ...own, ...others }
})
