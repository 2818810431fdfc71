import { access, close, constants, fsync, open, rename, unlink, writev } from "node:fs"
import { promisify } from "node:util"
import { Context } from "effect"
import { withoutFirst } from "./Slice.ts"

/**
 * The calls to the system that a miss takes. Each takes time on a thread of Node's, and little else: through the framework's file system the
 * same calls cost three times the CPU, and that a file is not there is an error with a stack trace.
 *
 * - `isThere`: whether `path` is there, or cannot be known not to be
 * - `create`: opens a file that is not there yet, for its owner alone, and answers its descriptor. What is written to it is on the disk once `write`
 *   answers
 * - `write`: all of `pieces`, one after the other
 * - `syncFolder`: makes the names in it last
 */
export interface NewFileCalls {
  readonly isThere: (path: string) => Promise<boolean>
  readonly create: (path: string) => Promise<number>
  readonly write: (file: number, pieces: ReadonlyArray<Uint8Array>) => Promise<void>
  readonly close: (file: number) => Promise<void>
  readonly rename: (from: string, to: string) => Promise<void>
  readonly remove: (path: string) => Promise<void>
  readonly syncFolder: (path: string) => Promise<void>
}

const openFile = promisify(open)
const syncFile = promisify(fsync)
const closeFile = promisify(close)

/** `O_DSYNC`: each write waits for the disk, as `fdatasync` after it would in a call of its own. */
const { O_CREAT, O_DSYNC, O_EXCL, O_WRONLY } = constants

/** Writes what is there and whatever the system did not take of it. */
const writeAll = (file: number, pieces: ReadonlyArray<Uint8Array>): Promise<void> =>
  new Promise((resolve, reject) =>
    writev(file, pieces, (error, written) => {
      if (error !== null) return reject(error)
      const rest = withoutFirst(pieces, written)
      if (rest.length === 0) return resolve()
      // It would be asked for ever.
      if (written === 0) return reject(new Error("the disk took none of it"))
      resolve(writeAll(file, rest))
    }),
  )

const ofNode: NewFileCalls = {
  isThere: (path) => new Promise((resolve) => access(path, (error) => resolve(error?.code !== "ENOENT"))),
  create: (path) => openFile(path, O_CREAT | O_EXCL | O_WRONLY | O_DSYNC, 0o600),
  write: writeAll,
  close: closeFile,
  rename: promisify(rename),
  remove: promisify(unlink),
  syncFolder: async (path) => {
    const folder = await openFile(path, "r")
    try {
      await syncFile(folder)
    } finally {
      await closeFile(folder)
    }
  },
}

/** Tests put those of a file system of their own in the place of Node's. */
export const SystemCalls = Context.Reference<NewFileCalls>("aviary/cache/SystemCalls", { defaultValue: () => ofNode })

/** One file, from nothing to a name. */
export interface NewFile {
  readonly pieces: ReadonlyArray<Uint8Array>
  readonly temp: string
  readonly path: string
}

/**
 * Writes a new file at `temp` and gives it its name `path` once the disk has all of it. Where it fails, or nobody waits for it any more, the file is
 * removed.
 */
export const writeNewFile = async (
  calls: NewFileCalls,
  { path, pieces, temp }: NewFile,
  isLeft: () => Error | undefined,
): Promise<void> => {
  let closed: Promise<unknown> = Promise.resolve()
  try {
    const file = await calls.create(temp)
    try {
      await calls.write(file, pieces)
    } finally {
      // Nothing is left to be written by then, so that its failure says nothing, and the name need not wait for it.
      closed = calls.close(file).catch(() => undefined)
    }
    const left = isLeft()
    if (left !== undefined) throw left
    await Promise.all([calls.rename(temp, path), closed])
  } catch (error) {
    await closed
    await calls.remove(temp).catch(() => undefined)
    throw error
  }
}
