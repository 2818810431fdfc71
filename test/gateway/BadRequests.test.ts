/**
 * BadRequests: whatever arrives, the answer is an error about the request, in OpenAI's envelope, and the gateway is as it
 * was before. One that falls over, answers 500 or keeps a file for each bad upload can be stopped by a broken client.
 */
import { NodeServices } from "@effect/platform-node"
import { expect, it } from "@effect/vitest"
import { Effect, FileSystem, Logger, Schema } from "effect"
import { readdirSync } from "node:fs"
import { connect } from "node:net"
import { join } from "node:path"
import { ErrorEnvelope } from "../../src/contract/ErrorEnvelope.ts"
import { type BadRequest, badRequests } from "../support/badRequests.ts"
import { startGateway } from "../support/gateway.ts"

const seed = Number(process.env.TEST_SEED ?? 20_261_121)
const count = 10_000
const atOnce = 64

const decode = Schema.decodeUnknownSync(ErrorEnvelope)

/** Sends, and gives what came back until the first answer is whole or the connection is closed. */
const exchange = (port: number, { bytes, afterwards, wordless }: BadRequest): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const chunks: Array<Buffer> = []
    const socket = connect(port, "127.0.0.1", () => {
      if (afterwards === "end") socket.end(bytes)
      else socket.write(bytes, () => void (afterwards === "leave" && socket.destroy()))
    })
    const patience = setTimeout(() => {
      socket.destroy()
      reject(new Error(`no answer in 20 seconds, so far ${JSON.stringify(Buffer.concat(chunks).toString("latin1"))}`))
    }, 20_000)
    socket.on("error", () => {})
    socket.on("data", (chunk: Buffer) => {
      chunks.push(chunk)
      if (isWhole(Buffer.concat(chunks), wordless)) socket.destroy()
    })
    socket.on("close", () => {
      clearTimeout(patience)
      resolve(Buffer.concat(chunks))
    })
  })

const isWhole = (received: Buffer, wordless: boolean): boolean => {
  const text = received.toString("latin1")
  const headEnd = text.indexOf("\r\n\r\n")
  const length = /content-length: (\d+)/i.exec(text)
  if (wordless) return headEnd >= 0
  return headEnd >= 0 && length !== null && received.length >= headEnd + 4 + Number(length[1])
}

/** What is wrong with the answer, or undefined. */
const complaint = (request: BadRequest, received: Buffer): string | undefined => {
  if (request.afterwards === "leave") return undefined
  const text = received.toString("utf8")
  const status = /^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1]
  if (status === undefined) return "no answer"
  if (!/^4\d\d$/.test(status)) return `status ${status}`
  if (request.wordless) return undefined
  if (!/\r\nx-request-id: /i.test(text)) return "no request id"
  try {
    decode(JSON.parse(text.slice(text.indexOf("\r\n\r\n") + 4)))
  } catch {
    return "no envelope"
  }
  return undefined
}

const openFiles = () => readdirSync("/proc/self/fd").length

it.live(
  `${count} bad requests are each told what is wrong, and leave nothing behind`,
  () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const dataDir = yield* fs.makeTempDirectoryScoped()
      const faults: Array<string> = []
      const { port, url } = yield* startGateway({
        settings: { dataDir, uploadTimeout: "300 millis" },
        loggers: [
          Logger.map(Logger.formatLogFmt, (line) => {
            if (/level=(ERROR|WARN|FATAL)/i.test(line)) faults.push(line)
          }),
        ],
      })
      const alive = Effect.promise(() => fetch(`${url}/v1/models`, { headers: { connection: "close" } }))
      yield* alive
      const before = openFiles()

      const next = badRequests(seed)
      const requests = Array.from({ length: count }, next)
      const complaints = yield* Effect.forEach(
        requests,
        (request, index) =>
          Effect.map(
            Effect.promise(() => exchange(port, request).catch((error: Error) => Buffer.from(error.message))),
            (received) => {
              const wrong = complaint(request, received)
              return wrong === undefined
                ? []
                : [
                    `seed ${seed}, request ${index}, ${request.kind}, ${request.afterwards}: ${wrong}\n` +
                      `${JSON.stringify(request.bytes.toString("latin1").slice(0, 300))}\n${JSON.stringify(received.toString("latin1").slice(0, 300))}`,
                  ]
            },
          ),
        { concurrency: atOnce },
      )
      expect(complaints.flat().slice(0, 5).join("\n\n")).toBe("")
      expect(faults.slice(0, 5)).toEqual([])
      expect((yield* alive).status).toBe(200)

      const swept = Effect.suspend(() => {
        // One folder inside, the process's own, stays as long as it runs.
        const uploads = readdirSync(join(dataDir, "tmp")).flatMap((own) =>
          readdirSync(join(dataDir, "tmp", own)).filter((name) => name !== "owner.json"),
        )
        const files = openFiles()
        return uploads.length === 0 && files <= before + 2 ? Effect.void : Effect.fail({ seed, uploads, files, before })
      })
      yield* swept.pipe(
        Effect.eventually,
        Effect.timeout("1 minute"),
        Effect.catch(() => swept),
      )
    }).pipe(Effect.provide(NodeServices.layer)),
  120_000,
)
