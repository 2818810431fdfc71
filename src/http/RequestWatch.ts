import { Cause, Exit } from "effect"
import type { Begun, Over } from "../telemetry/Traffic.ts"
import { endOf, type EndedRequest, whyBroken } from "./RequestLog.ts"
import type { RequestNotes } from "./RequestNotes.ts"

/** Clients' requests, and what no route answers; not the questions of balancers, Prometheus and the console itself. */
const isShown = (path: string): boolean => !/^\/($|health\/|metrics$|docs$|openapi\.json$|console\/|admin\/)/.test(path)

const kinds: Readonly<Record<string, Over["kind"]>> = {
  "POST /v1/audio/speech": "speech",
  "POST /v1/audio/transcriptions": "transcription",
}

interface Come extends Pick<EndedRequest, "id" | "path" | "route"> {
  readonly method: string
  readonly noted: { readonly notes: RequestNotes }
}

/** Tells `watch` of a request that has come; gives what to call once it is over, or nothing where it is of no interest. */
export const begunRequest = (
  watch: (request: Begun) => (over: Over) => void,
  { id, method, noted, path, route = "none" }: Come,
) => {
  if (!isShown(path)) return undefined
  const end = watch({
    id,
    method,
    route,
    notes: () => {
      const { account, key, model, voice } = noted.notes
      return { account, key, model, voice }
    },
  })
  return (line: EndedRequest): void => {
    const { answeredAt, code, endedAt, exit, notes, response, startedAt } = line
    const cache = response.headers["x-cache"]
    const broken = Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause) ? whyBroken(exit.cause) : undefined
    const why = notes.why ?? broken
    end({
      kind: kinds[`${method} ${route}`] ?? "other",
      status: response.status,
      ended: endOf(line),
      ...(code === undefined ? {} : { code }),
      ...(why === undefined ? {} : { why: why.slice(0, 400) }),
      ...(cache === undefined ? {} : { cache }),
      firstMillis: Math.round(answeredAt - startedAt),
      millis: Math.round(endedAt - startedAt),
      bytes: line.bytes,
    })
  }
}
