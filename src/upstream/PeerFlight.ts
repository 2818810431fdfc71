import * as NodeStream from "@effect/platform-node/NodeStream"
import { Duration, Effect, Schema, Stream } from "effect"
import { createHmac, timingSafeEqual } from "node:crypto"
import { type IncomingMessage, request } from "node:http"
import { makeFrameReader, type PeerFrame } from "./PeerFrames.ts"

/** The other gateway could not be followed: it does not make the speech, or its answer broke off or fell silent. */
export class PeerLost extends Schema.TaggedError<PeerLost>()("PeerLost", { message: Schema.String }) {}

export const peerPath = (key: string) => `/internal/flights/${key}`

/** Milliseconds that clocks of gateways may be apart, and a signature may be old. */
const validMillis = 60_000

const macOf = (secret: string, key: string, at: number) =>
  createHmac("sha256", secret)
    .update(`${at} ${peerPath(key)}`)
    .digest("hex")

/** `authorization` of a request for `key` at `now` (Unix milliseconds). The secret itself is never sent. */
export const signed = (secret: string, key: string, now: number): string => `Aviary ${now}.${macOf(secret, key, now)}`

export const isSigned = (secret: string, key: string, presented: string | undefined, now: number): boolean => {
  const [, at, mac] = /^Aviary (\d{1,15})\.([0-9a-f]{64})$/.exec(presented ?? "") ?? []
  if (at === undefined || mac === undefined || Math.abs(now - Number(at)) > validMillis) return false
  return timingSafeEqual(Buffer.from(mac), Buffer.from(macOf(secret, key, Number(at))))
}

/** How long another gateway may be silent: it says something each second. */
const peerSilence = Duration.seconds(5)

const lost = (message: string) => new PeerLost({ message })

/** The answer, once its head is there. */
const answered = (url: string, key: string, authorization: string) =>
  Effect.callback<IncomingMessage, PeerLost>((resume) => {
    const asked = request(
      new URL(peerPath(key), url),
      // Loopback's name is a name of every gateway, whatever others it goes by.
      { headers: { authorization, host: "localhost" }, timeout: Duration.toMillis(peerSilence), agent: false },
      (response) => {
        if (response.statusCode === 200) return resume(Effect.succeed(response))
        response.destroy()
        resume(Effect.fail(lost(`it answered ${response.statusCode}`)))
      },
    )
    asked.on("timeout", () => asked.destroy(new Error("it says nothing")))
    asked.on("error", (error) => resume(Effect.fail(lost(error.message))))
    asked.end()
    return Effect.sync(() => asked.destroy())
  })

/** The frames of what the gateway at `url` makes of `key`, from the beginning; ends after `end`, and otherwise fails. */
export const follow = (url: string, key: string, authorization: string): Stream.Stream<PeerFrame, PeerLost> =>
  Stream.unwrap(
    Effect.map(
      Effect.acquireRelease(answered(url, key, authorization), (response) => Effect.sync(() => response.destroy()), {
        interruptible: true,
      }),
      (response) => {
        const read = makeFrameReader()
        let isWhole = false
        return NodeStream.fromReadable<Uint8Array, PeerLost>({
          evaluate: () => response,
          onError: (error) => lost(error instanceof Error ? error.message : String(error)),
        }).pipe(
          Stream.timeoutOrElse({ duration: peerSilence, orElse: () => Stream.fail(lost("it fell silent")) }),
          Stream.mapEffect((chunk) => {
            const frames = read(chunk)
            return frames === undefined ? Effect.fail(lost("it answered something else")) : Effect.succeed(frames)
          }),
          Stream.flattenIterable,
          Stream.takeUntil((frame) => (isWhole = frame._tag === "end")),
          Stream.concat(
            Stream.fromEffectDrain(Effect.suspend(() => (isWhole ? Effect.void : Effect.fail(lost("it broke off"))))),
          ),
        )
      },
    ),
  )
