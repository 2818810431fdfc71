import { makeInbox } from "../collections/Inbox.ts"

/**
 * An event of the Wyoming protocol.
 *
 * @property payload raw audio
 */
export interface WyomingEvent {
  readonly type: string
  readonly data: Readonly<Record<string, unknown>>
  readonly payload: Uint8Array
}

/** What was sent is no event, or one that is larger than any has reason to be. */
export class FrameError extends Error {}

/** Bytes of a header, of the data behind it and of the audio behind that. A second of audio is 32,000. */
export const frameLimits = { header: 65_536, data: 1_048_576, payload: 1_048_576 } as const

const nothing: Uint8Array = new Uint8Array()
const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { fatal: true })

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const objectOf = (bytes: Uint8Array): Readonly<Record<string, unknown>> => {
  try {
    const value: unknown = JSON.parse(decoder.decode(bytes))
    if (isRecord(value)) return value
  } catch {
    // Said below.
  }
  throw new FrameError("expected a JSON object")
}

const lengthOf = (header: Readonly<Record<string, unknown>>, name: "data_length" | "payload_length", most: number) => {
  const length = header[name] ?? 0
  if (typeof length !== "number" || !Number.isInteger(length) || length < 0 || length > most) {
    throw new FrameError(`expected a ${name} of at most ${most}`)
  }
  return length
}

interface Header {
  readonly type: string
  readonly data: Readonly<Record<string, unknown>>
  readonly dataLength: number
  readonly payloadLength: number
}

const headerOf = (line: Uint8Array): Header => {
  const header = objectOf(line)
  const { data = null, type } = header
  if (typeof type !== "string") throw new FrameError("expected a type")
  if (data !== null && !isRecord(data)) throw new FrameError("expected data to be an object")
  return {
    type,
    data: data ?? {},
    dataLength: lengthOf(header, "data_length", frameLimits.data),
    payloadLength: lengthOf(header, "payload_length", frameLimits.payload),
  }
}

/** Reads events out of bytes, however these are cut. Throws `FrameError`; nothing can be read behind that. */
export const makeFrameReader = () => {
  const inbox = makeInbox()
  let header: Header | undefined

  /** The next event that is there whole. */
  const next = (): WyomingEvent | undefined => {
    if (header === undefined) {
      const length = inbox.lineLength()
      if ((length === -1 ? inbox.size() : length) > frameLimits.header) throw new FrameError("the header is too long")
      if (length === -1) return undefined
      header = headerOf(inbox.take(length))
      inbox.take(1)
    }
    const { data, dataLength, payloadLength, type } = header
    if (inbox.size() < dataLength + payloadLength) return undefined
    const further = dataLength === 0 ? {} : objectOf(inbox.take(dataLength))
    const payload = new Uint8Array(inbox.take(payloadLength))
    header = undefined
    return { type, data: { ...data, ...further }, payload }
  }

  return (piece: Uint8Array): ReadonlyArray<WyomingEvent> => {
    inbox.add(piece)
    const events: Array<WyomingEvent> = []
    for (let event = next(); event !== undefined; event = next()) events.push(event)
    return events
  }
}

/** An event as it is sent. Data goes behind the header, as Home Assistant's own library does it: a header has a longest line. */
export const frameOf = (
  type: string,
  data: Readonly<Record<string, unknown>> = {},
  payload: Uint8Array = nothing,
): Uint8Array => {
  const further = Object.keys(data).length === 0 ? nothing : encoder.encode(JSON.stringify(data))
  const header = {
    type,
    ...(further.length === 0 ? {} : { data_length: further.length }),
    ...(payload.length === 0 ? {} : { payload_length: payload.length }),
  }
  return Buffer.concat([encoder.encode(`${JSON.stringify(header)}\n`), further, payload])
}
