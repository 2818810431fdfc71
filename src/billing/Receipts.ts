import { Context, Effect, Exit, FileSystem, Layer, Path, Schedule } from "effect"
import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs"
import { makeScratchFolder } from "../scratch/ScratchFolder.ts"
import { Settings } from "../Settings.ts"
import type { BillingError } from "./BillingError.ts"
import { Ledger } from "./Ledger.ts"

/**
 * - `write`: notes that the answer of a claim is out. The note outlives the process, however that ends, but not a loss of power
 * - `telling`: what was noted until now is being told to the ledger; gives what is called once it has that, and needs the notes no more. One
 *   at a time
 */
interface Service {
  readonly write: (claim: string) => Effect.Effect<void>
  readonly telling: () => () => void
}

const none: Service = { write: () => Effect.void, telling: () => () => {} }

/** A file that holds more is exchanged for the other one, and emptied: at the next telling, which all of it is a part of. */
const plentyBytes = 4_096

const makeFile = Effect.fnUntraced(function* (path: string) {
  const file = yield* Effect.acquireRelease(
    Effect.sync(() => openSync(path, "a", 0o600)),
    (opened) => Effect.sync(() => closeSync(opened)),
  )
  let bytes = 0
  return {
    isLong: () => bytes >= plentyBytes,
    // In this thread, as lines of the log are: microseconds, since the kernel takes it and the disk is not waited for. A kill that came
    // while it waited its turn in another would find nothing.
    add: (line: string) => void (bytes += writeSync(file, line)),
    empty: () => {
      ftruncateSync(file)
      bytes = 0
    },
  }
})

/** Claims in the files of gateways that were killed, and of living ones, whose notes are as true. */
const claimsIn = Effect.fnUntraced(function* (paths: ReadonlyArray<string>) {
  const fs = yield* FileSystem.FileSystem
  const texts = yield* Effect.forEach(paths, (path) => Effect.orElseSucceed(fs.readFileString(path), () => ""))
  // The last may be half a line.
  return [...new Set(texts.flatMap((text) => text.split("\n").slice(0, -1)))]
})

/** More than that goes to the ledger in several changes. */
const atOnce = 1_000

const make = Effect.gen(function* () {
  const ledger = yield* Ledger
  const fs = yield* FileSystem.FileSystem
  const directory = (yield* Path.Path).join((yield* Settings).dataDir, "receipts")

  const inherit = Effect.fnUntraced(function* (paths: ReadonlyArray<string>): Effect.fn.Return<void, BillingError> {
    const claims = yield* Effect.provideService(claimsIn(paths), FileSystem.FileSystem, fs)
    for (let from = 0; from < claims.length; from += atOnce)
      yield* ledger.run("delivered", { claims: claims.slice(from, from + atOnce) })
  })

  const folder = yield* makeScratchFolder(directory, inherit)
  // Before anything is paid back that a crash kept back.
  yield* Effect.flatMap(
    Effect.orElseSucceed(folder.files, (): ReadonlyArray<string> => []),
    inherit,
  ).pipe(
    // They stay, and are told by whoever sweeps them.
    Effect.catchIf(
      (error) => error.isLocked,
      ({ message }) =>
        Effect.logWarning(
          "The ledger could not be told what was out when a gateway was killed; it is tried again",
          message,
        ),
    ),
  )
  yield* Effect.ignore(folder.sweep)

  const complain = ({ message }: { readonly message: string }) =>
    Effect.logWarning(
      `What is delivered cannot be noted in ${directory}: a crash pays back what had just ended`,
      message,
    )
  const file = Effect.flatMap(folder.file, makeFile)
  return yield* Effect.all([file, file]).pipe(
    Effect.map((files) => writing(files, complain)),
    Effect.catch((error) => Effect.as(complain(error), none)),
  )
})

type File = Effect.Success<ReturnType<typeof makeFile>>

const writing = (
  files: readonly [File, File],
  complain: (error: { readonly message: string }) => Effect.Effect<void>,
): Service => {
  let [current, other] = files
  /** Whether `other` has what the ledger is still to be told. */
  let owed = false
  let complained = false
  const told = () => {
    if (owed) other.empty()
    owed = false
  }
  return {
    write: (claim) =>
      Effect.suspend(() => {
        try {
          current.add(`${claim}\n`)
          return Effect.void
        } catch (error) {
          if (complained) return Effect.void
          complained = true
          return complain(error as Error)
        }
      }),
    telling: () => {
      if (!owed && current.isLong()) {
        ;[current, other] = [other, current]
        owed = true
      }
      return told
    },
  }
}

/**
 * Which answers are out, noted in the data directory from the moment on that they are until the ledger knows: a gateway that starts tells
 * it what one that was killed did not come to tell. Without its layer nothing is noted.
 */
export const Receipts = Context.Reference<Service>("aviary/billing/Receipts", { defaultValue: () => none })

export const layer = Layer.effect(Receipts, make)

/** How long the ledger may not know that an answer is out, where no other change carries it there. */
const flushInterval = "1 second"

/** Claims whose answers are out, which the ledger does not know yet. */
export const makeDelivered = Effect.gen(function* () {
  const ledger = yield* Ledger
  const receipts = yield* Receipts
  const run = Effect.runForkWith(yield* Effect.context<never>())
  const out = new Set<string>()
  /** Whether some are being told, and what waits for the end of that. */
  let isTelling = false
  const waiting: Array<() => void> = []

  /** Nobody's fiber: whoever comes along with what is told does not wait for it. */
  const tell = () => {
    if (isTelling || out.size === 0) return
    isTelling = true
    const claims = [...out]
    out.clear()
    const told = receipts.telling()
    run(ledger.run("delivered", { claims })).addObserver((exit) => {
      isTelling = false
      if (Exit.isSuccess(exit)) told()
      else for (const claim of claims) out.add(claim)
      for (const go of waiting.splice(0)) go()
    })
  }

  const rest = Effect.callback<void>((resume) => {
    if (!isTelling) return resume(Effect.void)
    waiting.push(() => resume(Effect.void))
  })

  const flush = Effect.andThen(
    rest,
    Effect.suspend(() => {
      tell()
      return rest
    }),
  )
  yield* flush.pipe(Effect.schedule(Schedule.spaced(flushInterval)), Effect.forkScoped)

  return {
    note: (claim: string) =>
      Effect.suspend(() => {
        out.add(claim)
        return receipts.write(claim)
      }),
    /** Tells the ledger, if it takes it. */
    flush,
    /** The same along with the change that is about to be asked for, in whose transaction it then is; unless it is being told already. */
    alongside: tell,
  }
})
