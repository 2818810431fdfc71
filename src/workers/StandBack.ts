import { setPriority } from "node:os"

/** Nice value of threads that compute for seconds. */
const nice = 5

// Imported first by such a thread, so that those it starts inherit it: with as many busy engines as processors the event
// loop would otherwise wait for a time slice. On Linux a priority is a thread's own; elsewhere it is the process's.
// `test/scripts/loopDelay.ts` measures what it brings.
if (process.platform === "linux") setPriority(nice)
