import { useCallback, useEffect, useRef, useState } from "preact/hooks"
import { CallError, messageOf } from "./call.ts"

export interface Asking<A> {
  readonly data: A | undefined
  readonly error: string | undefined
  /** Asks again; what was there stays until the answer is. */
  readonly again: () => void
}

const retryMillis = 3_000

const hasGone = (error: unknown) => error instanceof CallError && error.code === "no_gateway"

/**
 * What `ask` answers; asked again when `about` changes, and from time to time while the gateway does not answer. Of two answers the
 * one to the later question counts.
 */
export const useAsked = <A>(ask: () => Promise<A>, about: ReadonlyArray<unknown>): Asking<A> => {
  const [state, setState] = useState<{ readonly data?: A | undefined; readonly error?: string }>({})
  const [times, setTimes] = useState(0)
  const latest = useRef(0)
  const again = useCallback(() => setTimes((before) => before + 1), [])
  useEffect(() => {
    const mine = ++latest.current
    let retry: number | undefined
    ask().then(
      (data) => mine === latest.current && setState({ data }),
      (error: unknown) => {
        if (mine !== latest.current) return
        setState((before) => ({ ...before, error: messageOf(error) }))
        if (hasGone(error)) retry = window.setTimeout(again, retryMillis)
      },
    )
    return () => {
      latest.current++
      window.clearTimeout(retry)
    }
  }, [...about, times])
  return { data: state.data, error: state.error, again }
}
