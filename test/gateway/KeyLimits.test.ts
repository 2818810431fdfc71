/**
 * A key's limits a minute are for what the gateway did. A request that was refused for want of money did nothing: when
 * the account is topped up, its clients must not find themselves locked out by the very refusals that told them to pay.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { wavHeader } from "../../src/audio/WavHeader.ts"
import { postSpeech } from "../support/aviary.ts"
import { NimTest } from "../support/nim.ts"
import { startPaying } from "../support/paying.ts"

layer(Layer.provideMerge(NimTest.layer, NodeServices.layer), { excludeTestServices: true })("KeyLimits", (it) => {
  it.effect("are not touched by requests that cannot be paid", () =>
    Effect.gen(function* () {
      const { accounts, url } = yield* startPaying(yield* NimTest)
      const { id: accountId } = yield* accounts.open({ name: "Broke", terms: { kind: "prepaid", overdraft: 0 } })
      const limits = { requestsPerMinute: 2, charactersPerMinute: 100 }
      const { text } = yield* accounts.createKey({ accountId, name: "Test", limits })
      const headers = { authorization: `Bearer ${Redacted.value(text)}` }
      const input = "Forty characters that somebody pays for."
      const asked = Effect.fnUntraced(function* (asking: Effect.Effect<Response>) {
        const response = yield* asking
        const left = (what: string) => Number(response.headers.get(`x-ratelimit-remaining-${what}`))
        const body = yield* Effect.promise(() => response.arrayBuffer())
        const code = response.ok
          ? ""
          : (JSON.parse(Buffer.from(body).toString()) as { error: { code: string } }).error.code
        return [response.status, code, left("requests"), left("tokens")]
      })
      const speak = asked(postSpeech(url, { input }, { headers }))
      const transcribe = asked(
        Effect.promise(() => {
          const form = new FormData()
          form.set("model", "whisper-1")
          form.set("file", new Blob([Buffer.concat([wavHeader(16_000, 32_000), Buffer.alloc(32_000)])]), "a.wav")
          return fetch(`${url}/v1/audio/transcriptions`, { method: "POST", headers, body: form })
        }),
      )
      const refused = [429, "insufficient_quota", 2, 100]
      for (const asking of [speak, speak, speak, transcribe, transcribe]) expect(yield* asking).toEqual(refused)

      yield* accounts.deposit({ accountId, amount: 1_000 })
      expect((yield* speak).slice(0, 2)).toEqual([200, ""])
      expect((yield* transcribe).slice(0, 2)).toEqual([200, ""])
      expect((yield* speak).slice(0, 2)).toEqual([429, "rate_limit_exceeded"])
    }),
  )
})
