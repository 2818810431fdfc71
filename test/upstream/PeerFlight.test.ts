import { assert, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import type { RequestListener } from "node:http"
import { follow, isSigned, signed } from "../../src/upstream/PeerFlight.ts"
import { encodeFrame } from "../../src/upstream/PeerFrames.ts"
import { loopbackServer } from "../support/loopback.ts"

const key = "a".repeat(64)
const bytes = encodeFrame({ _tag: "bytes", bytes: Uint8Array.from([1, 2, 3]) })
const end = encodeFrame({ _tag: "end", durationMs: 1, head: undefined })

const hear = (answer: RequestListener) =>
  Effect.gen(function* () {
    const { url } = yield* loopbackServer(answer)
    return yield* Stream.runCollect(follow(url.origin, key, "Aviary"))
  }).pipe(Effect.scoped)

it("a signature is of one key, of now, and of who knows the secret", () => {
  const now = 1_700_000_000_000
  const signature = signed("secret", key, now)
  assert.isTrue(isSigned("secret", key, signature, now + 30_000))
  assert.notInclude(signature, "secret")
  for (const [secret, of, presented, at] of [
    ["another", key, signature, now],
    ["secret", "b".repeat(64), signature, now],
    ["secret", key, signature, now + 60_001],
    ["secret", key, signature, now - 60_001],
    ["secret", key, signature.replace(/.$/, (last) => (last === "0" ? "1" : "0")), now],
    ["secret", key, "Bearer x", now],
    ["secret", key, undefined, now],
  ] as const)
    assert.isFalse(isSigned(secret, of, presented, at))
})

it.live("another's flight is heard from its first byte to its end", () =>
  Effect.gen(function* () {
    const heard = yield* hear((_, response) => response.end(Buffer.concat([bytes, end])))
    assert.deepStrictEqual(
      heard.map(({ _tag }) => _tag),
      ["bytes", "end"],
    )
  }),
)

it.live(
  "one that ends without saying that it is whole is lost, as is one that is refused or answers something else",
  () =>
    Effect.gen(function* () {
      const why = (answer: RequestListener) => Effect.map(Effect.flip(hear(answer)), ({ message }) => message)
      assert.include(yield* why((_, response) => response.end(bytes)), "broke off")
      assert.notStrictEqual(
        yield* why((_, response) => {
          response.write(bytes)
          setImmediate(() => response.destroy())
        }),
        "",
      )
      assert.include(yield* why((_, response) => response.writeHead(404).end()), "404")
      assert.include(yield* why((_, response) => response.end("<html>")), "something else")
      const { url, close } = yield* loopbackServer(() => undefined)
      close()
      assert.include(
        yield* Effect.map(Effect.flip(Stream.runCollect(follow(url.origin, key, ""))), ({ message }) => message),
        "ECONNREFUSED",
      )
    }).pipe(Effect.scoped),
)
