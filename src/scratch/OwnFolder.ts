import { Clock, Effect, FileSystem, Path, Semaphore } from "effect"
import { type Owner, ownerFile, ownerToJson } from "./Owner.ts"
import { isGone, patiently } from "./Patience.ts"

/**
 * The folder of one process, which goes with the scope: `own` is its path, `self` its owner. The rest is as in `ScratchFolder`.
 *
 * - `beat`: shows that the folder is in use, once it is
 */
export const makeOwnFolder = Effect.fnUntraced(function* (own: string, self: Owner) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
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

  const next = Effect.map(ready, () => own + path.sep + String(++count))

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

  yield* Effect.addFinalizer(() => {
    closed = true
    return Effect.ignore(patiently("remove", making.withPermit(remove(own))))
  })

  const beat = Effect.suspend(() => (wanted ? Effect.ignoreCause(check) : Effect.void))

  return { file, next, lost, check, beat }
})
