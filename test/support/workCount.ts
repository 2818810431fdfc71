// Counts what a gateway's process does, from within: `node --import workCount.ts program/main.js`, which loads it into every thread. Each
// SIGUSR2 prints one line, `counted {…}`, of what was done since the one before, in all threads:
//
// - `clientWrites`: writes handed to the system on connections that clients opened
// - `connections`: that the gateway opened
// - `fileWrites`, `fileSyncs`, `fileOpens`, `fileReads`: calls about files, whichever they are, but for standard output. Folders, whose names are
//   made to last every half minute, are none
// - `commits`: transactions of the ledger
// - `ledgerSyncs`: how often its log was put on the disk
// - `messages`: sent from one thread to another; what an owner sends to its thread counts twice
// - `outlivingBytes`: of the main thread's heap that a collection of the young leaves, and one of all of it does not have to
import fs from "node:fs"
import { syncBuiltinESMExports } from "node:module"
import { Socket } from "node:net"
import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { getEnvironmentData, isMainThread, MessagePort, setEnvironmentData, Worker } from "node:worker_threads"
import { aroundCommits } from "./ledgerCommits.ts"

type Call = (this: unknown, ...args: ReadonlyArray<never>) => unknown

const kinds = [
  "clientWrites",
  "connections",
  "fileWrites",
  "fileSyncs",
  "fileOpens",
  "fileReads",
  "commits",
  "ledgerSyncs",
  "messages",
] as const

// Shared by all threads, which take over what the first has set.
const name = "aviary-test-work"
if (isMainThread) setEnvironmentData(name, new SharedArrayBuffer(4 * kinds.length))
const counts = new Int32Array(getEnvironmentData(name) as SharedArrayBuffer)

const count = (kind: (typeof kinds)[number]): void => void Atomics.add(counts, kinds.indexOf(kind), 1)

/** Calls `onCall` before each call of a method. */
const watch = (owner: object, method: string, onCall: (self: unknown, first: unknown) => void) => {
  const methods = owner as Record<string, Call>
  const before = methods[method]!
  methods[method] = function (this: unknown, ...args) {
    onCall(this, args[0])
    return Reflect.apply(before, this, args)
  }
}

/** A server's sockets know it. */
const isClient = (socket: unknown) => (socket as { readonly server?: unknown }).server !== undefined

for (const method of ["_write", "_writev"])
  watch(Socket.prototype, method, (socket) => isClient(socket) && count("clientWrites"))
watch(Socket.prototype, "connect", () => count("connections"))

for (const method of ["write", "writev"]) watch(fs, method, (_, descriptor) => descriptor !== 1 && count("fileWrites"))
for (const method of ["fsync", "fdatasync"])
  watch(fs, method, (_, file) => fs.fstatSync(file as number).isDirectory() || count("fileSyncs"))
watch(fs, "fdatasyncSync", () => count("ledgerSyncs"))
watch(
  fs,
  "open",
  (_, path) => fs.statSync(path as string, { throwIfNoEntry: false })?.isDirectory() || count("fileOpens"),
)
watch(fs, "read", () => count("fileReads"))
syncBuiltinESMExports()

aroundCommits({ before: () => count("commits") })
watch(Worker.prototype, "postMessage", () => count("messages"))
watch(MessagePort.prototype, "postMessage", () => count("messages"))

const held = () =>
  getHeapSpaceStatistics()
    .filter(({ space_name }) => space_name === "old_space" || space_name === "new_space")
    .reduce((sum, { space_used_size }) => sum + space_used_size, 0)

if (isMainThread) {
  setFlagsFromString("--expose-gc")
  const collect: (which?: { readonly type: "minor" }) => void = runInNewContext("gc")
  let before = held()
  process.on("SIGUSR2", () => {
    const answer = Object.fromEntries(kinds.map((kind, index) => [kind, Atomics.exchange(counts, index, 0)]))
    collect({ type: "minor" })
    const outlivingBytes = held() - before
    collect()
    before = held()
    process.stdout.write(`counted ${JSON.stringify({ ...answer, outlivingBytes })}\n`)
  })
}
