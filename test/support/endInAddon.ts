// Ends what loads the recognizer, while it does: `node endInAddon.ts thread`, or `process`.
// TMPDIR is a folder of its own: the recognizer's tokens are there only while it is loaded.
import { globSync } from "node:fs"
import { tmpdir } from "node:os"
import { setTimeout } from "node:timers/promises"
import { Worker } from "node:worker_threads"
import { exitNow, makeNativeCalls, remember } from "../../src/workers/NativeCalls.ts"

const calls = makeNativeCalls()
const worker = new Worker(new URL("../../src/embedded/MoonshineWorker.ts", import.meta.url), {
  workerData: { numThreads: 1, size: "base", nativeCalls: calls.shared },
})
remember(calls)
while (globSync(`${tmpdir()}/aviary-moonshine-*/tokens.txt`).length === 0) await setTimeout(5)
await setTimeout(50)
if (process.argv[2] === "process") exitNow(3)
await calls.end()
await worker.terminate()
