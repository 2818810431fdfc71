/** A client of the Wyoming protocol, written from its document (OHF-Voice/wyoming, README.md), not from the gateway's own reader. */
import { Effect } from "effect"
import { connect, type Socket } from "node:net"

export interface Received {
  readonly type: string
  readonly data: Record<string, unknown>
  readonly payload: Buffer
}

/** Bytes of a socket, as many at a time as are asked for; undefined at its end. */
const reader = (socket: Socket) => {
  const chunks = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  let kept = Buffer.alloc(0)
  const more = async () => {
    const { done, value } = await chunks.next()
    if (done !== true) kept = Buffer.concat([kept, value])
    return done !== true
  }
  const take = (length: number) => {
    const taken = kept.subarray(0, length)
    kept = kept.subarray(length)
    return taken
  }
  return {
    line: async () => {
      while (!kept.includes(10)) if (!(await more())) return undefined
      return take(kept.indexOf(10) + 1).toString()
    },
    exactly: async (length: number) => {
      while (kept.length < length) if (!(await more())) throw new Error("ended within an event")
      return take(length)
    },
  }
}

export interface WyomingClient {
  readonly socket: Socket
  /** Data in the header, as the document allows it; `behind` puts it behind the header instead. */
  readonly send: (type: string, data?: object, payload?: Uint8Array, behind?: boolean) => void
  /** The next event; undefined once the gateway has closed. */
  readonly next: Effect.Effect<Received | undefined>
  /** Events up to and with one of that type, or to the end. */
  readonly until: (type: string) => Effect.Effect<ReadonlyArray<Received>>
}

export const wyomingClient = (port: number) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => connect(port, "127.0.0.1").on("error", () => {})),
      (socket) => Effect.sync(() => socket.destroy()),
    ),
    (socket): WyomingClient => {
      const { exactly, line } = reader(socket)
      const next = Effect.promise(async (): Promise<Received | undefined> => {
        const header = await line()
        if (header === undefined) return undefined
        const { data, data_length, payload_length, type } = JSON.parse(header) as Record<string, number> & {
          readonly type: string
          readonly data?: object
        }
        const further = data_length ? (JSON.parse((await exactly(data_length)).toString()) as object) : {}
        const payload = payload_length ? await exactly(payload_length) : Buffer.alloc(0)
        return { type, data: { ...data, ...further }, payload }
      })
      return {
        socket,
        send: (type, data = {}, payload = new Uint8Array(), behind = false) => {
          const further = behind ? Buffer.from(JSON.stringify(data)) : Buffer.alloc(0)
          const header = {
            ...{ type, version: "1.7.2" },
            ...(behind ? { data_length: further.length } : { data }),
            ...(payload.length > 0 ? { payload_length: payload.length } : {}),
          }
          socket.write(Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), further, payload]))
        },
        next,
        until: (type) =>
          Effect.gen(function* () {
            const events: Array<Received> = []
            for (;;) {
              const event = yield* next
              if (event !== undefined) events.push(event)
              if (event === undefined || event.type === type) return events
            }
          }),
      }
    },
  )
