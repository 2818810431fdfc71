import { Schema } from "effect"
import { unixMillis } from "./UnixMillis.ts"

const millis = Schema.Finite
const maybe = Schema.optionalKey(Schema.String)

/** A request that is being answered. Never what was said. */
export const RequestUnderWay = Schema.Struct({
  id: Schema.String.annotate({ description: "`x-request-id` of its answer." }),
  at: unixMillis,
  method: Schema.String,
  route: Schema.String.annotate({ description: "As the contract writes it; `none` where there is no such route." }),
  account: maybe,
  key: maybe,
  model: maybe,
  voice: maybe,
}).annotate({ identifier: "RequestUnderWay" })
export type RequestUnderWay = typeof RequestUnderWay.Type

/** A request whose answer is over. Never what was said. */
export const RequestReport = Schema.Struct({
  ...RequestUnderWay.fields,
  number: Schema.Int.annotate({ description: "Counts the requests since the gateway started." }),
  status: Schema.Int,
  ended: Schema.Literals(["whole", "client left", "aborted"]),
  code: Schema.optionalKey(Schema.String.annotate({ description: "Of its error; see docs/errors.md." })),
  why: Schema.optionalKey(Schema.String.annotate({ description: "What went wrong, in words for an operator." })),
  cache: Schema.optionalKey(Schema.String.annotate({ description: "`x-cache` of its answer." })),
  firstMillis: millis.annotate({ description: "Until its answer began: of speech, until its first audio." }),
  millis: millis.annotate({ description: "Until the last byte of its answer." }),
  bytes: Schema.Int,
}).annotate({ identifier: "RequestReport" })
export type RequestReport = typeof RequestReport.Type

/** What is kept of each stretch of time. Counts are of requests that ended in it. */
export const historyColumns = [
  "requests",
  "speeches",
  "transcriptions",
  "failures",
  "refusals",
  "hits",
  "coalesced",
  "misses",
  "bypassed",
  "firstAudioP50",
  "firstAudioP95",
  "durationP50",
  "durationP95",
  "underWay",
  "loopDelay",
  "loopBusy",
  "resident",
  "heap",
] as const
export type HistoryColumn = (typeof historyColumns)[number]

const values = Schema.Array(Schema.NullOr(Schema.Finite))
const described = (description: string) => values.annotate({ description })

/** Stretches of equal length, oldest first; `null` where there was nothing to measure. */
export const History = Schema.Struct({
  widthMillis: Schema.Int,
  starts: Schema.Array(unixMillis),
  columns: Schema.Struct({
    requests: described("All requests but the questions of balancers and Prometheus, and of the console itself."),
    speeches: values,
    transcriptions: values,
    failures: described("Statuses from 500, and answers that were broken off."),
    refusals: described("Statuses 400 to 499."),
    hits: values,
    coalesced: values,
    misses: values,
    bypassed: values,
    firstAudioP50: described("Milliseconds from a request for speech to its first audio; half took at most this long."),
    firstAudioP95: values,
    durationP50: described("Milliseconds from a request for speech or a transcript to the last byte of its answer."),
    durationP95: values,
    underWay: described("Most requests at a time."),
    loopDelay: described("Milliseconds by which the event loop was late, at most."),
    loopBusy: described("Share of the time that the event loop was busy, 0 to 1."),
    resident: described("Bytes of the process in RAM."),
    heap: described("Bytes of JavaScript objects in use."),
  } satisfies Record<HistoryColumn, unknown>),
}).annotate({ identifier: "History" })
export type History = typeof History.Type
