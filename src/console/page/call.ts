import { bearer, lacksKey, noAnswer, recheck } from "./session.ts"

/** What the gateway said instead of an answer. */
export class CallError extends Error {
  readonly code: string
  readonly status: number
  constructor(message: string, code: string, status: number) {
    super(message)
    this.code = code
    this.status = status
  }
}

interface Asked {
  readonly method?: string
  readonly json?: unknown
  readonly body?: BodyInit
  readonly headers?: Record<string, string>
  readonly signal?: AbortSignal
}

const errorOf = async (response: Response): Promise<CallError> => {
  try {
    const { error } = (await response.json()) as { readonly error: { readonly message: string; readonly code: string } }
    return new CallError(error.message, error.code, response.status)
  } catch {
    return new CallError(`The gateway answered ${response.status}.`, "unknown", response.status)
  }
}

const listeners = new Set<() => void>()

/** Runs `answered` whenever the gateway answers anything. */
export const onAnswer = (answered: () => void): void => void listeners.add(answered)

/** The response of the gateway's route `path`, if it is a good one. Fails with a `CallError` otherwise. */
export const request = async (path: string, { json, headers, ...init }: Asked = {}): Promise<Response> => {
  if (lacksKey() && path.startsWith("/v1/audio/") && init.method === "POST") {
    throw new CallError("Say first whose key pays.", "no_key", 0)
  }
  let response: Response
  try {
    response = await fetch(path, {
      ...init,
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
      headers: { ...bearer(path), ...(json === undefined ? {} : { "content-type": "application/json" }), ...headers },
    })
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === "AbortError") throw cause
    throw new CallError(noAnswer, "no_gateway", 0)
  }
  for (const answered of listeners) answered()
  if (response.status === 401) recheck().catch(() => undefined)
  if (!response.ok) throw await errorOf(response)
  return response
}

export const call = async <A>(path: string, asked?: Asked): Promise<A> =>
  (await (await request(path, asked)).json()) as A

/** A query string of those members that have a value. */
export const query = (members: Record<string, string | number | undefined | null>): string => {
  const set = Object.entries(members).filter(([, value]) => value !== undefined && value !== null && value !== "")
  return set.length === 0 ? "" : `?${new URLSearchParams(set.map(([name, value]) => [name, String(value)])).toString()}`
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
