import { Effect, type FileSystem, Schema } from "effect"

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

/** `unseen`: on another machine or in another container, or there is no `/proc`. */
export type Life = "alive" | "gone" | "unseen"

/** Where a folder keeps its owner. The file's time is the folder's heartbeat. */
export const ownerFile = "owner.json"

const json = Schema.fromJsonString(Owner)
export const ownerToJson = Schema.encodeSync(json)
export const ownerFromJson = Schema.decodeUnknownOption(json)

/** The 3rd and 22nd field of `/proc/<pid>/stat`, counted after the name, which may hold spaces and parentheses. */
const parseStat = (stat: string) => {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  return { state: fields[0] ?? "", started: fields[19] ?? "" }
}

/** This process. Where there is no `/proc` the words stay empty and only heartbeats tell who lives. */
export const describeProcess = Effect.fnUntraced(function* (fs: FileSystem.FileSystem) {
  const orEmpty = <E>(effect: Effect.Effect<string, E>) => Effect.orElseSucceed(effect, () => "")
  return {
    pid: process.pid,
    started: yield* orEmpty(Effect.map(fs.readFileString("/proc/self/stat"), (stat) => parseStat(stat).started)),
    boot: yield* orEmpty(Effect.map(fs.readFileString("/proc/sys/kernel/random/boot_id"), (id) => id.trim())),
    namespace: yield* orEmpty(fs.readLink("/proc/self/ns/pid")),
  } satisfies Owner
})

/** What `self` can see of `other`. A zombie, which nobody has reaped yet, is gone. */
export const lifeOf = (fs: FileSystem.FileSystem, self: Owner, other: Owner): Effect.Effect<Life> => {
  const visible = self.started !== "" && self.boot === other.boot && self.namespace === other.namespace
  if (!visible) return Effect.succeed("unseen")
  return fs.readFileString(`/proc/${other.pid}/stat`).pipe(
    Effect.map((stat): Life => {
      const { started, state } = parseStat(stat)
      return started === other.started && !["Z", "X", "x"].includes(state) ? "alive" : "gone"
    }),
    Effect.catch((error) => Effect.succeed<Life>(error.reason._tag === "NotFound" ? "gone" : "unseen")),
  )
}
