import { Effect, Metric } from "effect"

/** Every metric of the gateway. Attributes are set where a metric is updated; their values come from small closed sets. */

/**
 * What is said at the start of attributes whose values other rooms know.
 *
 * @property engines their ids
 * @property engineStates all there are
 */
interface Said {
  readonly engines: ReadonlyArray<string>
  readonly engineStates: ReadonlyArray<string>
}

/** The values of each attribute, or by which name they are said. */
type Attributes = Readonly<Record<string, ReadonlyArray<string> | keyof Said>>

const counters: Array<{ readonly counter: Metric.Counter<number>; readonly attributes: Attributes }> = []

type Series = Metric.Metric<number, unknown>

/** The series of a metric that were asked for, by the values of their attributes, and how another is made. */
interface Made {
  readonly make: (attributes: Record<string, string>) => Series
  readonly series: Map<string, Series>
}
const made = new Map<Series, Made>()

/** A metric of which each series can be kept, see `seriesOf`. */
const kept = <M extends Series>(make: (attributes: Record<string, string>) => M): M => {
  const metric = make({})
  made.set(metric, { make, series: new Map() })
  return metric
}

/** A counter with all values of its attributes; with `open` ones it is there from its first event on only. */
const counter = (name: string, description: string, attributes: Attributes | "open" = {}): Metric.Counter<number> => {
  const counted = kept((one) => Metric.counter(name, { description, incremental: true, attributes: one }))
  if (attributes !== "open") counters.push({ counter: counted, attributes })
  return counted
}

const histogram = (name: string, description: string, boundaries: ReadonlyArray<number>) =>
  kept((attributes) => Metric.histogram(name, { description, boundaries, attributes }))

/**
 * The series of a counter or histogram for `attributes`, named in the same order each time. Made once: `Metric.withAttributes` looks for it
 * by all that it is called, with each number.
 */
export const seriesOf = (metric: Series, attributes: Record<string, string>): Series => {
  const { make, series } = made.get(metric)!
  const values = Object.values(attributes).join("\n")
  let one = series.get(values)
  if (one === undefined) series.set(values, (one = make(attributes)))
  return one
}

const combinations = (attributes: Attributes, said: Said): ReadonlyArray<Record<string, string>> =>
  Object.entries(attributes).reduce<ReadonlyArray<Record<string, string>>>(
    (all, [name, values]) =>
      all.flatMap((one) =>
        (typeof values === "string" ? said[values] : values).map((value) => ({ ...one, [name]: value })),
      ),
    [{}],
  )

/** Makes every counter of a closed set exist at 0: a series that begins at 1 has no increase that an alarm could see. */
export const startCounters = (said: Said) =>
  Effect.forEach(
    counters,
    ({ counter, attributes }) =>
      Effect.forEach(combinations(attributes, said), (one) => Metric.update(Metric.withAttributes(counter, one), 0), {
        discard: true,
      }),
    { discard: true },
  )

/** How the cache served a request: the words of the `x-cache` header. */
const cacheWords = ["HIT", "MISS", "COALESCED", "BYPASS"]

/** Whether a client got all of its answer, and who broke it off if not. */
const endings = ["whole", "client left", "aborted"]

const cacheOperations = ["write_entries", "read_entries", "remove_entries", "read_the_directory", "make_a_rename_last"]

/** `reason`: the system's word, of which the usual ones are there from the start. */
export const cacheTrouble = counter(
  "aviary_cache_trouble_total",
  "Calls to the cache's disk that failed; the requests went on uncached.",
  { operation: cacheOperations, reason: ["ENOSPC", "EROFS", "EIO", "TIMEOUT"] },
)

export const cacheBroken = counter(
  "aviary_cache_broken_entries_total",
  "Entries found broken and removed, never served.",
)

export const cacheEvicted = counter(
  "aviary_cache_evicted_entries_total",
  "Entries removed to keep within the cache's limits.",
  { reason: ["bytes", "age", "room"] },
)

export const cacheDiskFree = Metric.gauge("aviary_cache_disk_free_bytes", {
  description: "Bytes that can still be written to the disk of the cache.",
})

export const cacheBytes = Metric.gauge("aviary_cache_bytes", { description: "Bytes of all entries on disk." })

export const cacheEntries = Metric.gauge("aviary_cache_entries", { description: "Entries on disk." })

export const cacheMemoryBytes = Metric.gauge("aviary_cache_memory_bytes", {
  description: "Bytes of small hot entries in memory.",
})

export const gateways = Metric.gauge("aviary_gateways", {
  description: "Gateways that work on this one's ledger, itself included.",
})

export const scratchSwept = counter(
  "aviary_scratch_swept_folders_total",
  "Folders of temporary files, uploads or recordings that a dead gateway had left behind.",
)

/** `outcome`: whether the second time it was heard. */
export const emptyTranscripts = counter(
  "aviary_empty_transcripts_total",
  "Parts of recordings that hold speech and that the engine made no text of, so that it was asked once more.",
  { outcome: ["heard", "empty"] },
)

export const flightsEnded = counter("aviary_flights_total", "Syntheses that ended.", {
  outcome: ["committed", "uncached", "failed", "abandoned", "found"],
})

export const flightsActive = Metric.gauge("aviary_flights_active", { description: "Syntheses under way." })

export const flightListeners = Metric.gauge("aviary_flight_listeners", {
  description: "Responses that are being fed by a synthesis.",
})

export const charges = counter("aviary_charges_total", "Requests charged.", { cache: cacheWords })

export const unbilledHits = counter(
  "aviary_unbilled_hits_total",
  "Requests served from the cache for nothing, since the ledger could not be reached.",
)

export const refunds = counter("aviary_refunds_total", "Charges paid back, since the answer could not be finished.")

export const holdsExpired = counter("aviary_holds_expired_total", "Holds whose gateway had died before they ended.")

export const ledgerRefusals = counter("aviary_ledger_refusals_total", "Operations that the ledger could not do.", {
  reason: ["locked", "full", "corrupt", "newer", "mismatch", "overloaded", "lost", "failed"],
})

export const ledgerCommits = counter("aviary_ledger_commits_total", "Transactions of the ledger synced to disk.")

/** `state`: the one it came into. */
export const engineChanges = counter("aviary_engine_state_changes_total", "Changes of an engine's state.", {
  engine: "engines",
  state: "engineStates",
})

/** By `engine`. */
export const engineUsable = Metric.gauge("aviary_engine_usable", {
  description:
    "1 while the engine is believed to answer requests, or is stopped until somebody needs it, 0 while it is down and while requests are held or refused.",
})

export const engineProbes = counter("aviary_engine_probes_total", "Probes of an engine by a real inference.", {
  engine: "engines",
  outcome: ["passed", "wedged", "acquitted", "loading", "unreachable"],
})

export const engineFailovers = counter(
  "aviary_engine_failovers_total",
  "Calls that an engine failed before it gave anything, and that went to another.",
  { engine: "engines" },
)

export const fallbackAnswers = counter(
  "aviary_fallback_answers_total",
  "Requests, or parts of recordings, that the engine inside answered since no other of its kind could.",
  { engine: "engines" },
)

export const engineRestarts = counter("aviary_engine_restarts_total", "Restarts of an engine that were tried.", {
  engine: "engines",
  outcome: ["restarted", "failed"],
})

/** `reason`: the error's name. */
export const engineRefusals = counter("aviary_engine_refusals_total", "Requests kept from an engine.", {
  engine: "engines",
  reason: ["EngineWedged", "QueueFull", "QueueWaitTimedOut", "Quarantined"],
})

/** By `engine`: its line and its turns, read when the metrics are. */
export const engineWaiting = Metric.gauge("aviary_engine_waiting", {
  description: "Requests and probes that wait and that the engine could serve; one that several could counts for each.",
})

export const engineWorking = Metric.gauge("aviary_engine_working", {
  description: "Requests and probes that the engine works on.",
})

/** By `engine`. */
export const engineRestartsLeft = Metric.gauge("aviary_engine_restarts_left", {
  description: "Restarts that the budget still allows now.",
})

/** By `engine` and `state`. */
export const engineState = Metric.gauge("aviary_engine_state", {
  description: "1 for the state that the engine is in, 0 for the others.",
})

/** By `method`, `route`, `status`, and `ended`. */
export const httpRequests = counter("aviary_http_requests_total", "Requests whose answer is over.", "open")

/** By `route`. A speech may stream for minutes. */
export const httpSeconds = histogram(
  "aviary_http_request_duration_seconds",
  "Time from a request to the last byte of its answer.",
  [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300],
)

/** By `route`. */
export const httpBytes = counter("aviary_http_response_bytes_total", "Bytes of response bodies.", "open")

export const speeches = counter("aviary_speeches_total", "Speeches that were begun to be sent.", {
  cache: cacheWords,
  ended: endings,
})

export const transcriptions = counter("aviary_transcriptions_total", "Transcripts that were begun to be sent.", {
  ended: endings,
})

/** By `code`, as docs/errors.md lists them. */
export const errors = counter("aviary_errors_total", "Requests answered with an error.", "open")

/** By `cache`. */
export const firstAudioSeconds = histogram(
  "aviary_speech_first_audio_seconds",
  "Time from a request for speech to its first audio.",
  [0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2.5, 5, 10, 30],
)

export const logDropped = counter(
  "aviary_log_dropped_lines_total",
  "Log lines dropped since the log could not be written: a full disk, or a reader that does not read or has gone.",
)

export const residentBytes = Metric.gauge("process_resident_memory_bytes", {
  description: "Memory of the process that is in RAM, in bytes.",
})

export const cpuSeconds = counter("process_cpu_seconds_total", "Processor time of the process, all threads.")

export const startSeconds = Metric.gauge("process_start_time_seconds", {
  description: "When the process started, in Unix seconds.",
})
