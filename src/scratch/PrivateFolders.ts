import { Effect, FileSystem, Option, Path } from "effect"

/** Everything that is ever in a data directory, or in a cache's. */
const known =
  /^(admin-token|cache-secret|ledger\.sqlite|restarts\.jsonl|cache$|v1$|tmp$|recordings$|receipts$|gateways$)/

/** What its group or others may do with it. */
const groupAndOthers = 0o077
/** Of `/tmp` and its like, which are everybody's. */
const sticky = 0o1000

const restrict = Effect.fnUntraced(function* (folder: string) {
  const fs = yield* FileSystem.FileSystem
  const found = yield* Effect.option(fs.stat(folder))
  if (Option.isNone(found) || found.value.type !== "Directory") return
  const { mode, uid } = found.value
  if ((mode & groupAndOthers) === 0 || (mode & sticky) !== 0) return
  const ours = Option.isNone(uid) || uid.value === process.getuid?.()
  const said = `The folder ${folder} is open to other users of this machine (mode ${(mode & 0o777).toString(8)})`
  if (!ours) return yield* Effect.logWarning(`${said} and belongs to another one, so it is left as it is.`)
  yield* fs.chmod(folder, 0o700).pipe(
    Effect.andThen(Effect.logInfo(`${said.replace(" is ", " was ")}, and is this one's alone from now on.`)),
    Effect.catch((error) => Effect.logWarning(`${said} and cannot be made private: ${error.message}`)),
  )
})

const namesIn = (folder: string) =>
  Effect.flatMap(FileSystem.FileSystem, (fs) => Effect.orElseSucceed(fs.readDirectory(folder), (): Array<string> => []))

/**
 * Takes away what others may do with folders of earlier versions, or of somebody's own making: texts, voices and recordings are
 * nobody else's business. New ones are made for their owner alone. The two directories themselves only where nothing
 * but ours is in them: somebody may have named a folder that is in use for more.
 */
export const makePrivate = Effect.fnUntraced(function* (dataDir: string, cacheDir: string) {
  const path = yield* Path.Path
  for (const directory of new Set([dataDir, cacheDir])) {
    if ((yield* namesIn(directory)).every((name) => known.test(name))) yield* restrict(directory)
  }
  const entries = path.join(cacheDir, "v1")
  for (const folder of [
    path.join(dataDir, "tmp"),
    path.join(dataDir, "recordings"),
    path.join(dataDir, "receipts"),
    path.join(dataDir, "gateways"),
    path.join(cacheDir, "tmp"),
    entries,
  ]) {
    yield* restrict(folder)
  }
  for (const shard of yield* namesIn(entries)) yield* restrict(path.join(entries, shard))
})
