import { type ResourceLimits, Worker } from "node:worker_threads"
import { makeNativeCalls, remember } from "./NativeCalls.ts"

/**
 * Megabytes of a thread's young generation, of which V8 would else let each thread keep dozens: what a message needs is garbage with its answer. In a program
 * that was started with `--max-semi-space-size` V8 prefers that.
 */
const youngMb = 2

/** Starts a thread that is ended outside of a `nativeCall` only. `data` is what it finds in `workerData`. */
export const startThread = (url: URL, data?: object, limits?: ResourceLimits): Worker => {
  const calls = makeNativeCalls()
  const thread = new Worker(url, {
    workerData: { ...data, nativeCalls: calls.shared },
    resourceLimits: { maxYoungGenerationSizeMb: youngMb, ...limits },
  })
  const { forget } = remember(calls)
  // Effect's platform ends threads by it, too.
  const terminate = thread.terminate.bind(thread)
  thread.terminate = () => calls.end().then(terminate)
  return thread.once("exit", forget)
}
