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

/** By `reason`: bytes, age. */
export const cacheEvicted = Metric.counter("aviary_cache_evicted_entries_total", {
  description: "Entries removed to keep within the cache's limits.",
  incremental: true,
})

export const cacheBytes = Metric.gauge("aviary_cache_bytes", { description: "Bytes of all entries on disk." })

export const cacheEntries = Metric.gauge("aviary_cache_entries", { description: "Entries on disk." })

export const cacheMemoryBytes = Metric.gauge("aviary_cache_memory_bytes", {
  description: "Bytes of small hot entries in memory.",
})

export const cacheStrays = Metric.counter("aviary_cache_swept_folders_total", {
  description: "Folders of temporary files that a dead gateway had left behind.",
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

/** By `engine` and `state`: the state it came into. */
export const engineChanges = Metric.counter("aviary_engine_state_changes_total", {
  description: "Changes of an engine's state.",
  incremental: true,
})

/** By `engine`. */
export const engineUsable = Metric.gauge("aviary_engine_usable", {
  description: "1 while requests are sent to the engine, 0 while they are held or refused.",
})

/** By `engine` and `outcome`: passed, confirmed, acquitted, loading, unreachable. */
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
