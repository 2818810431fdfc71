import { Effect } from "effect"
import type { EngineReport } from "../../src/health/EngineReport.ts"
import type { EngineId } from "../../src/health/EngineId.ts"
import type { NimFault } from "../../src/nim/NimFault.ts"
import { brittlePort } from "./brittlePort.ts"
import { startListeningNim } from "./listeningNim.ts"

export const adminToken = "the-operator-s-own"

/** A NIM that can be killed, and whose restart ends every fault; each transcription takes `millis`. */
export const startMember = Effect.fnUntraced(function* (millis = 0) {
  const nim = yield* startListeningNim({ millis })
  const port = yield* brittlePort(nim.url)
  const script = `await fetch("${nim.url.origin}/faults", { method: "DELETE" });
    await fetch("${nim.url.origin}/faults/restart", { method: "POST", headers: { "content-type": "application/json" }, body: "{}" })`
  const restart = `command:${JSON.stringify([process.execPath, "--input-type=module", "-e", script])}`
  const { kill, revive, url } = port
  return { ...nim, url, kill, revive, restart }
})

export type MemberNim = Effect.Success<ReturnType<typeof startMember>>

/** A list for `AVIARY_…_URLS`. */
export const listOf = (members: ReadonlyArray<MemberNim>) =>
  members.map(({ restart, url }) => `${url.href} protocol=nim restart=${restart}`).join(", ")

/** What makes an engine sick, and whether a restart is what heals it. */
export interface Sickness {
  readonly name: string
  readonly faults?: ReadonlyArray<NimFault>
  readonly isRestarted: boolean
}

const routes = ["transcriptions", "synthesize_online"] as const
const each = (fault: (route: (typeof routes)[number]) => NimFault) => routes.map(fault)

export const sicknesses: ReadonlyArray<Sickness> = [
  { name: "wedged", faults: each((route) => ({ kind: "wedge", route })), isRestarted: true },
  { name: "killed", isRestarted: false },
  { name: "slow", faults: each((route) => ({ kind: "slow", millis: 40, route })), isRestarted: false },
  {
    name: "answering 422 with a CUDA error",
    faults: each((route) => ({ kind: "reject", status: 422, route })),
    isRestarted: true,
  },
  { name: "hung", faults: each((route) => ({ kind: "hang", route })), isRestarted: true },
]

/** What an operator asks of the gateway at `url`. */
export const operatorOf = (url: string) => {
  const headers = { authorization: `Bearer ${adminToken}`, "content-type": "application/json" }
  const ask = <A>(path: string, body?: unknown) =>
    Effect.promise(async (signal): Promise<A> => {
      const init = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }
      const response = await fetch(url + path, { headers, signal, ...init })
      return (await response.json()) as A
    })
  const since = Math.floor(Date.now() / 1_000) - 86_400
  type Usage = {
    readonly data: ReadonlyArray<{ readonly results: ReadonlyArray<{ readonly num_model_requests: number }> }>
  }
  return {
    engine: (id: EngineId) =>
      Effect.map(ask<{ readonly engines: ReadonlyArray<EngineReport> }>("/admin/engines"), ({ engines }) =>
        engines.find(({ engine }) => engine === id)!,
      ),
    probe: (id: EngineId) => ask(`/admin/engines/${id}/probe`, {}),
    restore: (id: EngineId) => ask(`/admin/engines/${id}/restore`, { reason: "a test" }),
    /** How many requests were charged so far. */
    charged: (kind: "speeches" | "transcriptions") =>
      Effect.map(ask<Usage>(`/v1/organization/usage/audio_${kind}?start_time=${since}`), ({ data }) =>
        data.flatMap(({ results }) => results).reduce((sum, { num_model_requests }) => sum + num_model_requests, 0),
      ),
  }
}
