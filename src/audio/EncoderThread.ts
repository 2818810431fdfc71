import type { Worker } from "node:worker_threads"
import { startThread } from "../workers/Thread.ts"
import type { Encoded, Told } from "./format/EncodeMessages.ts"
import type { EncoderOptions } from "./format/Encoder.ts"
import { ForgetfulMap } from "../collections/Forgetful.ts"

/** What became of samples: bytes, or why the thread was lost. */
export type Answer = Encoded | { readonly lost: string }

/**
 * One thread that encodes any number of streams.
 *
 * - `streams`: how many it has open
 * - `waitingSince`: when the oldest call was made that it has not answered; undefined: it has nothing to do
 * - `open`: begins a stream
 * - `stop`: ends it, with all that it is at
 */
export interface EncoderThread {
  readonly streams: () => number
  readonly waitingSince: () => number | undefined
  readonly open: (options: EncoderOptions) => ThreadStream
  readonly stop: () => Promise<unknown>
}

/** One stream. Calls one after the other; `answered` is called once for each, unless it was closed. */
export interface ThreadStream {
  readonly encode: (samples: Int16Array, answered: (answer: Answer) => void) => void
  readonly flush: (answered: (answer: Answer) => void) => void
  readonly close: () => void
}

/**
 * @param now milliseconds of a clock that only goes forward
 * @param onLost once, with the reason, after all calls have been answered so
 */
export const startEncoderThread = (url: URL, now: () => number, onLost: (reason: string) => void): EncoderThread => {
  const waiting = new ForgetfulMap<number, { readonly since: number; readonly answered: (answer: Answer) => void }>()
  const open = new Set<number>()
  let reason = "it was stopped"
  let lost = false
  let lastId = 0
  const worker: Worker = startThread(url)
  worker.on("message", (encoded: Encoded) => {
    const call = waiting.get(encoded.id)
    waiting.delete(encoded.id)
    call?.answered(encoded)
  })
  worker.on("error", (error: unknown) => {
    reason = error instanceof Error ? error.message : String(error)
  })
  worker.once("exit", () => {
    lost = true
    open.clear()
    const calls = waiting.values()
    waiting.clear()
    for (const { answered } of calls) answered({ lost: reason })
    onLost(reason)
  })

  const tell = (told: Told, transfer: ReadonlyArray<ArrayBuffer> = []) => worker.postMessage(told, transfer)
  const call = (id: number, told: Told, transfer: ReadonlyArray<ArrayBuffer>, answered: (answer: Answer) => void) => {
    if (lost) return answered({ lost: reason })
    waiting.set(id, { since: now(), answered })
    tell(told, transfer)
  }

  return {
    streams: () => open.size,
    // In the order in which they were made.
    waitingSince: () => waiting.first()?.since,
    open: (options) => {
      const id = ++lastId
      open.add(id)
      if (!lost) tell({ id, tag: "open", options })
      return {
        encode: (samples, answered) => {
          // What it is a part of may be in use elsewhere.
          const own = samples.slice()
          call(id, { id, tag: "encode", samples: own }, [own.buffer], answered)
        },
        flush: (answered) => call(id, { id, tag: "flush" }, [], answered),
        close: () => {
          waiting.delete(id)
          if (open.delete(id)) tell({ id, tag: "close" })
        },
      }
    },
    stop: () => worker.terminate(),
  }
}
