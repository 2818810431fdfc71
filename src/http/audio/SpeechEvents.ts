import { Array, Effect, Stream } from "effect"
import type { HttpServerRequest } from "effect/http"
import type { Spoken } from "../../speech/Speech.ts"
import { deliver } from "./Delivery.ts"
import { eventOf, eventStream } from "./EventStream.ts"

/**
 * A speech as OpenAI's events: a `delta` for each piece of encoded audio as it is made, then `done`. What fails after the first
 * delta breaks the connection off. The charge stands before `done` leaves; whoever leaves before is charged for the audio in the deltas
 * that it was handed.
 *
 * @param characters what the speech is charged for; no engine counts tokens, so they stand for OpenAI's
 */
export const speechEvents = (
  request: HttpServerRequest.HttpServerRequest,
  { bytes, delivered, settle }: Spoken,
  headers: Record<string, string>,
  characters: number,
) =>
  Effect.suspend(() => {
    let handedBytes = 0
    const deltas = Stream.mapArray(
      bytes,
      Array.map((chunk) => {
        handedBytes += chunk.length
        return eventOf({ type: "speech.audio.delta", audio: Buffer.from(chunk).toString("base64") })
      }),
    )
    const usage = { input_tokens: characters, output_tokens: 0, total_tokens: characters }
    const payable = {
      bytes: deltas,
      length: undefined,
      settle,
      delivered: (handed: "all" | number) => delivered(handed === "all" || handed === 0 ? handed : handedBytes),
    }
    const head = { ...eventStream, headers: { ...eventStream.headers, ...headers } }
    return deliver(
      request,
      payable,
      head,
      Stream.sync(() => eventOf({ type: "speech.audio.done", usage })),
    )
  })
