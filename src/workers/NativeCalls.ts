import { workerData } from "node:worker_threads"

/**
 * A thread that is ended while an addon of its runs takes the whole process with it: the addon's next call into JavaScript
 * fails, and sherpa-onnx throws a C++ exception that nobody catches. So such a thread
 * says when it is inside, and is ended outside.
 */
const [outside, inside, ended] = [0, 1, 2]

const shared = (workerData as { readonly nativeCalls?: Int32Array<SharedArrayBuffer> } | null)?.nativeCalls

/** In a worker of a pool: runs `work`, in which an addon is called, unless the thread is to end. Not within itself. */
export const nativeCall = <A>(work: () => A): A => {
  if (shared === undefined) return work()
  if (Atomics.compareExchange(shared, 0, outside, inside) !== outside) throw new Error("this thread is to end")
  try {
    return work()
  } finally {
    Atomics.store(shared, 0, outside)
    Atomics.notify(shared, 0)
  }
}

/** The owner's side of one thread. */
export interface NativeCalls {
  /** Goes to the thread, as `nativeCalls` of its `workerData`. */
  readonly shared: Int32Array<SharedArrayBuffer>
  /** Waits until the thread is outside, and stays there. */
  readonly end: () => Promise<void>
}

export const makeNativeCalls = (): NativeCalls => {
  const state = new Int32Array(new SharedArrayBuffer(4))
  const tryEnd = () => Atomics.compareExchange(state, 0, outside, ended) !== inside
  return {
    shared: state,
    end: async () => {
      while (!tryEnd()) await Atomics.waitAsync(state, 0, inside).value
    },
  }
}

const alive = new Set<NativeCalls>()

/** Remembers a thread until `forget` is called. */
export const remember = (calls: NativeCalls): { readonly forget: () => void } => {
  alive.add(calls)
  return { forget: () => void alive.delete(calls) }
}

/**
 * Ends the process at once: with `status`, or as by a kill where there are threads. `process.exit` waits for each to end, for
 * ever where a disk does not answer it, and one that is inside an addon would abort the process.
 */
export const exitNow = (status: number): void => {
  if (alive.size === 0) process.exit(status)
  process.kill(process.pid, "SIGKILL")
}
