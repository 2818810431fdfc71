import { useCallback, useEffect, useRef, useState } from "preact/hooks"
import { messageOf } from "./call.ts"

export interface Asking<A> {
  readonly data: A | undefined
  readonly error: string | undefined
  /** Asks again; what was there stays until the answer is. */
  readonly again: () => void
}

/** What `ask` answers; asked again when `about` changes. Of two answers the one to the later question counts. */
export const useAsked = <A>(ask: () => Promise<A>, about: ReadonlyArray<unknown>): Asking<A> => {
  const [state, setState] = useState<{ readonly data?: A | undefined; readonly error?: string }>({})
  const [times, setTimes] = useState(0)
  const latest = useRef(0)
  useEffect(() => {
    const mine = ++latest.current
    ask().then(
      (data) => mine === latest.current && setState({ data }),
      (error: unknown) => mine === latest.current && setState((before) => ({ ...before, error: messageOf(error) })),
    )
    return () => void latest.current++
  }, [...about, times])
  const again = useCallback(() => setTimes((before) => before + 1), [])
  return { data: state.data, error: state.error, again }
}
