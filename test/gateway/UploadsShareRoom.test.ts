/**
 * Unfinished uploads are bounded together, by count and by bytes, for each account and in all. One client that opens a
 * thousand uploads and sends a byte a minute would otherwise fill the disk, or keep everybody else out.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { Effect, Layer, Redacted, Schedule } from "effect"
import { NimTest } from "../support/nim.ts"
import { startPaying } from "../support/paying.ts"
import { rawConnection } from "../support/rawHttp.ts"

layer(Layer.provideMerge(NimTest.layer, NodeServices.layer), { excludeTestServices: true })(
  "UploadsShareRoom",
  (it) => {
    it.effect("an account has its share, all have theirs together, and whoever leaves makes room", () =>
      Effect.gen(function* () {
        const w = yield* startPaying(yield* NimTest, {
          accountUploadsMax: "2",
          uploadsMax: "4",
          accountUploadsMaxBytes: "1500000",
          uploadsMaxBytes: "3000000",
          uploadMaxBytes: "1000000",
        })
        const keyOf = Effect.fnUntraced(function* (name: string) {
          const { id } = yield* w.accounts.open({ name, terms: { kind: "metered", monthlyCap: null } })
          return Redacted.value((yield* w.accounts.createKey({ accountId: id, name })).text)
        })
        const [first, second, third] = [yield* keyOf("first"), yield* keyOf("second"), yield* keyOf("third")]
        /** Begins an upload and sends no more than its head, of so many bytes or of nobody knows how many. */
        const begin = Effect.fnUntraced(function* (key: string, bytes: number | undefined) {
          const connection = yield* rawConnection(w.port)
          const length = bytes === undefined ? "transfer-encoding: chunked" : `content-length: ${bytes}`
          const part = '--b\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\n\r\nRIFF'
          connection.socket.write(
            "POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=b\r\n" +
              `authorization: Bearer ${key}\r\n${length}\r\n\r\n` +
              (bytes === undefined ? `${part.length.toString(16)}\r\n${part}\r\n` : part),
          )
          return connection
        })
        const underWay = (count: number) =>
          Effect.repeat(w.scratchFiles, {
            until: (files) => files.length === count,
            schedule: Schedule.spaced("5 millis"),
          })

        const small = yield* begin(first, 1_000)
        yield* begin(first, 1_000)
        yield* underWay(2)
        const tooMany = yield* Effect.flatMap(begin(first, 1_000), ({ seen }) => seen('"too_many_uploads"'))
        expect(tooMany).toMatch(/^HTTP\/1\.1 429 /)
        expect(tooMany).toContain("2 uploads")
        expect(tooMany.toLowerCase()).toContain("retry-after: ")

        // One that leaves makes room for another; one without a length counts as the largest there may be.
        small.socket.destroy()
        yield* underWay(1)
        yield* begin(first, undefined)
        yield* underWay(2)

        yield* begin(second, 900_000)
        yield* underWay(3)
        expect(yield* Effect.flatMap(begin(second, 900_000), ({ seen }) => seen('"too_many_uploads"'))).toContain(
          "1500000 bytes",
        )
        yield* begin(second, 500_000)
        yield* underWay(4)

        const full = yield* Effect.flatMap(begin(third, 1_000), ({ seen }) => seen('"server_is_overloaded"'))
        expect(full).toMatch(/^HTTP\/1\.1 503 /)
        expect(full.toLowerCase()).toContain("retry-after: ")
        expect(yield* w.scratchFiles).toHaveLength(4)
      }),
    )
  },
)
