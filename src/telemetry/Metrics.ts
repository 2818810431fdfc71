import { Metric } from "effect"

/** Every metric of the gateway. Attributes are set where a metric is updated; their values come from small closed sets. */

/** By `kind` (ENOSPC, EROFS, TIMEOUT, …) and `operation` (write, rename, …). */
export const cacheTrouble = Metric.counter("aviary_cache_trouble_total", {
  description: "Calls to the cache's disk that failed; the requests went on uncached.",
  incremental: true,
})

/** By `reason`: cut, altered, foreign, unreadable. */
export const cacheBroken = Metric.counter("aviary_cache_broken_entries_total", {
  description: "Entries found broken and removed, never served.",
  incremental: true,
})

/** By `reason`: bytes, age, room. */
export const cacheEvicted = Metric.counter("aviary_cache_evicted_entries_total", {
  description: "Entries removed to keep within the cache's limits.",
  incremental: true,
})

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

export const scratchSwept = Metric.counter("aviary_scratch_swept_folders_total", {
  description: "Folders of temporary files, uploads or recordings that a dead gateway had left behind.",
  incremental: true,
})

/** By `outcome`: committed, uncached, failed, abandoned, found. */
export const flightsEnded = Metric.counter("aviary_flights_total", {
  description: "Syntheses that ended.",
  incremental: true,
})

export const flightsActive = Metric.gauge("aviary_flights_active", { description: "Syntheses under way." })

export const flightListeners = Metric.gauge("aviary_flight_listeners", {
  description: "Responses that are being fed by a synthesis.",
})

/** By `served`: MISS, HIT, COALESCED, BYPASS. */
export const charges = Metric.counter("aviary_charges_total", {
  description: "Requests charged.",
  incremental: true,
})

export const refunds = Metric.counter("aviary_refunds_total", {
  description: "Charges paid back, since the answer could not be finished.",
  incremental: true,
})

export const holdsExpired = Metric.counter("aviary_holds_expired_total", {
  description: "Holds whose gateway had died before they ended.",
  incremental: true,
})

/** By `kind`: locked, full, corrupt, newer, mismatch, overloaded, lost, failed. */
export const ledgerRefusals = Metric.counter("aviary_ledger_refusals_total", {
  description: "Operations that the ledger could not do.",
  incremental: true,
})

export const ledgerCommits = Metric.counter("aviary_ledger_commits_total", {
  description: "Transactions of the ledger synced to disk.",
  incremental: true,
})

/** By `engine` and `state`: the state it came into. */
export const engineChanges = Metric.counter("aviary_engine_state_changes_total", {
  description: "Changes of an engine's state.",
  incremental: true,
})

/** By `engine`. */
export const engineUsable = Metric.gauge("aviary_engine_usable", {
  description:
    "1 while the engine is believed to answer requests, 0 while it is down and while requests are held or refused.",
})

/** By `engine` and `outcome`: passed, wedged, acquitted, loading, unreachable. */
export const engineProbes = Metric.counter("aviary_engine_probes_total", {
  description: "Probes of an engine by a real inference.",
  incremental: true,
})

/** By `engine` and `outcome`: restarted, failed. */
export const engineRestarts = Metric.counter("aviary_engine_restarts_total", {
  description: "Restarts of an engine that were tried.",
  incremental: true,
})

/** By `engine` and `reason`: the error's name, such as EngineWedged or QueueFull. */
export const engineRefusals = Metric.counter("aviary_engine_refusals_total", {
  description: "Requests kept from an engine.",
  incremental: true,
})

/** By `engine`: its line and its turns, read when the metrics are. */
export const engineWaiting = Metric.gauge("aviary_engine_waiting", {
  description: "Requests and probes that wait for the engine's turn.",
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

/** By `method`, `route`, `status`, and `ended`: whole, client left, aborted. */
export const httpRequests = Metric.counter("aviary_http_requests_total", {
  description: "Requests whose answer is over.",
  incremental: true,
})

/** By `route`. A speech may stream for minutes. */
export const httpSeconds = Metric.histogram("aviary_http_request_duration_seconds", {
  description: "Time from a request to the last byte of its answer.",
  boundaries: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300],
})

/** By `route`. */
export const httpBytes = Metric.counter("aviary_http_response_bytes_total", {
  description: "Bytes of response bodies.",
  incremental: true,
})

/** By `cache`: HIT, MISS, COALESCED, BYPASS; and `ended`, as above. */
export const speeches = Metric.counter("aviary_speeches_total", {
  description: "Speeches that were begun to be sent.",
  incremental: true,
})

/** By `cache`. */
export const firstAudioSeconds = Metric.histogram("aviary_speech_first_audio_seconds", {
  description: "Time from a request for speech to its first audio.",
  boundaries: [0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2.5, 5, 10, 30],
})

export const logDropped = Metric.counter("aviary_log_dropped_lines_total", {
  description:
    "Log lines dropped since the log could not be written: a full disk, or a reader that does not read or has gone.",
  incremental: true,
})

export const residentBytes = Metric.gauge("process_resident_memory_bytes", {
  description: "Memory of the process that is in RAM, in bytes.",
})

export const cpuSeconds = Metric.counter("process_cpu_seconds_total", {
  description: "Processor time of the process, all threads.",
  incremental: true,
})

export const startSeconds = Metric.gauge("process_start_time_seconds", {
  description: "When the process started, in Unix seconds.",
})
