import type { CacheKey } from "./CacheKey.ts"
import type { Metadata } from "./EntryFormat.ts"
import { ForgetfulMap } from "../collections/Forgetful.ts"

/** No entry over this many bytes is kept in memory, whatever the limit of all: one long reading would push out hundreds of greetings. */
const largestHot = 524_288

/** A small entry in memory, and what its file was when it was read. `checked` in `elapsedMillis`. */
export interface Hot {
  readonly metadata: Metadata
  readonly bytes: Uint8Array
  readonly identity: string
  checked: number
}

/** Small entries that were asked for lately, within `limit` bytes; the longest unused go first. */
export const makeMemoryTier = (limit: number) => {
  const hot = new ForgetfulMap<CacheKey, Hot>()
  let bytes = 0

  const forget = (key: CacheKey): void => {
    const one = hot.get(key)
    if (one === undefined) return
    hot.delete(key)
    bytes -= one.bytes.length
  }

  return {
    get bytes() {
      return bytes
    },
    get count() {
      return hot.size
    },
    takes: (length: number): boolean => length <= largestHot && length <= limit,
    get: (key: CacheKey): Hot | undefined => {
      const one = hot.get(key)
      if (one === undefined) return undefined
      hot.delete(key)
      hot.set(key, one)
      return one
    },
    put: (key: CacheKey, one: Hot): void => {
      forget(key)
      hot.set(key, one)
      bytes += one.bytes.length
      for (const oldest of hot.keys()) {
        if (bytes <= limit) break
        forget(oldest)
      }
    },
    forget,
    clear: (): void => {
      hot.clear()
      bytes = 0
    },
  }
}
