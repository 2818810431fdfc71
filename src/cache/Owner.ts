import { Effect, Option, Schema } from "effect"
import { whenGone } from "./CacheError.ts"
import type { Disk } from "./Disk.ts"

/**
 * Which process a folder belongs to, told so that another one can see whether it still lives.
 *
 * @property pid within `namespace`
 * @property started the kernel's start time of the process, in clock ticks since boot: a pid alone is used again
 * @property boot the kernel's id of this boot
 * @property namespace the pid namespace; containers have their own
 */
export const Owner = Schema.Struct({
  pid: Schema.Int,
  started: Schema.String,
  boot: Schema.String,
  namespace: Schema.String,
})
export type Owner = typeof Owner.Type

const json = Schema.fromJsonString(Owner)
export const ownerToJson = Schema.encodeSync(json)
export const ownerFromJson = Schema.decodeUnknownOption(json)

/** The 22nd field of `/proc/<pid>/stat`, counted after the name, which may hold spaces and parentheses. */
const startTime = (stat: string): string => stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? ""

const readText = (disk: Disk, file: string) => disk.run("reading", "readFile", (fs) => fs.readFileString(file))

/** This process. Where there is no `/proc` the words stay empty and only heartbeats tell who lives. */
export const describeProcess = Effect.fnUntraced(function* (disk: Disk) {
  const orEmpty = <E>(effect: Effect.Effect<string, E>) => Effect.orElseSucceed(effect, () => "")
  return {
    pid: process.pid,
    started: yield* orEmpty(Effect.map(readText(disk, "/proc/self/stat"), startTime)),
    boot: yield* orEmpty(Effect.map(readText(disk, "/proc/sys/kernel/random/boot_id"), (id) => id.trim())),
    namespace: yield* orEmpty(disk.run("reading", "readLink", (fs) => fs.readLink("/proc/self/ns/pid"))),
  } satisfies Owner
})

/** Whether `other` is provably no more. False wherever we cannot see: another machine, another container. */
export const isGone = Effect.fnUntraced(function* (disk: Disk, self: Owner, other: Owner) {
  const visible = self.started !== "" && self.boot === other.boot && self.namespace === other.namespace
  if (!visible) return false
  return yield* readText(disk, `/proc/${other.pid}/stat`).pipe(
    Effect.map((stat) => Option.some(startTime(stat))),
    whenGone(() => Effect.succeed(Option.none<string>())),
    Effect.match({
      onSuccess: Option.match({ onNone: () => true, onSome: (started) => started !== other.started }),
      onFailure: () => false,
    }),
  )
})
