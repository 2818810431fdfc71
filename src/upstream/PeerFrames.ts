import { Option, Schema } from "effect"
import { makeInbox } from "../collections/Inbox.ts"

/**
 * What one gateway sends another of a speech that it makes, in frames: five bytes of head, of which the first says what follows and the
 * others how many bytes.
 *
 * - `bytes`: the next of the speech
 * - `total`: how many bytes the whole plausibly has; sent now and then, so that a gateway that says nothing has fallen silent
 * - `end`: it is complete, and this is known of it. What ends without is broken off
 */
export type PeerFrame =
  | { readonly _tag: "bytes"; readonly bytes: Uint8Array }
  | { readonly _tag: "total"; readonly total: number }
  | { readonly _tag: "end"; readonly durationMs: number; readonly head: Uint8Array | undefined }

const kinds = { bytes: 1, total: 2, end: 3 } as const
const headBytes = 5

/** No frame of ours is larger; what says so is none of ours. */
const largest = 16 * 1_024 * 1_024

const End = Schema.fromJsonString(
  Schema.Struct({ durationMs: Schema.Int, head: Schema.NullOr(Schema.Uint8ArrayFromBase64) }),
)
const Total = Schema.fromJsonString(Schema.Finite)
const encodeEnd = Schema.encodeSync(End)
const decodeEnd = Schema.decodeUnknownOption(End)
const decodeTotal = Schema.decodeUnknownOption(Total)

const payloadOf = (frame: PeerFrame): Uint8Array => {
  switch (frame._tag) {
    case "bytes":
      return frame.bytes
    case "total":
      return new TextEncoder().encode(String(Math.round(frame.total)))
    case "end":
      return new TextEncoder().encode(encodeEnd({ durationMs: frame.durationMs, head: frame.head ?? null }))
  }
}

export const encodeFrame = (frame: PeerFrame): Uint8Array => {
  const payload = payloadOf(frame)
  const whole = new Uint8Array(headBytes + payload.length)
  const view = new DataView(whole.buffer)
  view.setUint8(0, kinds[frame._tag])
  view.setUint32(1, payload.length)
  whole.set(payload, headBytes)
  return whole
}

const decode = (kind: number, payload: Uint8Array): PeerFrame | undefined => {
  if (kind === kinds.bytes) return { _tag: "bytes", bytes: payload }
  const text = new TextDecoder().decode(payload)
  if (kind === kinds.total)
    return Option.getOrUndefined(Option.map(decodeTotal(text), (total) => ({ _tag: "total", total }) as const))
  if (kind !== kinds.end) return undefined
  return Option.getOrUndefined(
    Option.map(
      decodeEnd(text),
      ({ durationMs, head }) => ({ _tag: "end", durationMs, head: head ?? undefined }) as const,
    ),
  )
}

/** Makes frames of bytes that come cut anywhere. Undefined where they are none of ours. */
export const makeFrameReader = () => {
  const inbox = makeInbox()
  return (chunk: Uint8Array): ReadonlyArray<PeerFrame> | undefined => {
    inbox.add(chunk)
    const frames: Array<PeerFrame> = []
    while (inbox.size() >= headBytes) {
      // Of four bytes the first would be a sign.
      const length = [1, 2, 3, 4].reduce((sum, at) => sum * 256 + inbox.peek(at), 0)
      if (length > largest) return undefined
      if (inbox.size() < headBytes + length) break
      const kind = inbox.take(headBytes)[0]!
      const frame = decode(kind, inbox.take(length))
      if (frame === undefined) return undefined
      frames.push(frame)
    }
    return frames
  }
}
