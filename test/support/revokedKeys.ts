import { Effect } from "effect"
import { hear, startSeveral } from "./severalGateways.ts"

/**
 * Keys that are used at three gateways and revoked at one: how many milliseconds after the answer to that each other refused it for good,
 * and what it said.
 */
export const revokeEverywhere = Effect.fnUntraced(function* (times: number) {
  const several = yield* startSeveral(3, { AVIARY_ACCESS: "keys", AVIARY_LISTINGS: "keys" })
  const { admin, agent, gateways } = several
  const { id } = yield* admin(0, "POST", "/admin/accounts", {
    name: "All",
    terms: { kind: "metered", monthlyCap: null },
  })
  const millis: Array<number> = []
  const statuses: Array<number | undefined> = []

  for (let round = 0; round < times; round++) {
    const { key, text } = yield* admin(0, "POST", "/admin/keys", { accountId: id, name: `key ${round}` })
    const ask = (index: number) =>
      Effect.promise(() =>
        hear(agent, `${gateways[index]!.now().url}/v1/models`, {
          method: "GET",
          headers: { authorization: `Bearer ${String(text)}` },
        }),
      )
    // Known to all, as a key in use is.
    for (const index of [0, 1, 2]) {
      const { status } = yield* ask(index)
      if (status !== 200) return yield* Effect.die(`a new key is answered ${status}`)
    }
    yield* admin(round % 3, "DELETE", `/admin/keys/${(key as unknown as { readonly id: string }).id}`)
    const revoked = performance.now()
    for (const index of [0, 1, 2]) {
      const last = yield* Effect.repeat(ask(index), { until: ({ status }) => status !== 200 })
      millis.push(performance.now() - revoked)
      statuses.push(last.status)
    }
  }
  return { millis, statuses }
})
