import { expect, it } from "@effect/vitest"
import { Deferred, Effect, Layer, Logger, Redacted, References, Stream } from "effect"
import { AtomicCache } from "../../../src/cache/AtomicCache.ts"
import { CacheError } from "../../../src/cache/CacheError.ts"
import { OwnedKeys } from "../../../src/cache/OwnedKeys.ts"
import { audio, keyOf, put } from "../../support/cache.ts"
import { startGateway, testRooms } from "../../support/gateway.ts"
import { rawConnection } from "../../support/rawHttp.ts"

const bytes = audio(1, 10_000)
const path = `/v1/audio/speech/${keyOf("kept")}`

const startedWith = Effect.fnUntraced(function* (parts: Parameters<typeof startGateway>[0]) {
  const cache = yield* Effect.provide(AtomicCache, yield* Layer.build(AtomicCache.layerMemory))
  const metadata = yield* put("kept", bytes).pipe(Effect.provideService(AtomicCache, cache))
  const rooms = Layer.merge(testRooms, Layer.succeed(AtomicCache, cache))
  return { ...(yield* startGateway({ rooms, ...parts })), metadata, etag: `"${metadata.sha256}"` }
})

const started = startedWith({})

const ask = Effect.fnUntraced(function* (url: string, headers: Record<string, string> = {}, method = "GET") {
  const response = yield* Effect.promise(() => fetch(url, { method, headers }))
  const body = new Uint8Array(yield* Effect.promise(() => response.arrayBuffer()))
  return { status: response.status, header: (name: string) => response.headers.get(name), body }
})

it.live("serves a committed entry with all that a client's cache and a player need", () =>
  Effect.gen(function* () {
    const { url, metadata, etag } = yield* started
    const { status, header, body } = yield* ask(url + path)
    expect(status).toBe(200)
    expect(body).toEqual(bytes)
    expect(header("content-type")).toBe("audio/mpeg")
    expect(header("content-length")).toBe("10000")
    expect(header("etag")).toBe(etag)
    expect(header("accept-ranges")).toBe("bytes")
    expect(header("last-modified")).toBe(new Date(metadata.created).toUTCString())
    expect(header("cache-control")).toBe("private, max-age=3600")
    expect(header("x-cache")).toBe("HIT")
  }),
)

it.live("answers HEAD with the headers of GET and no body, whatever range it names", () =>
  Effect.gen(function* () {
    const { url, port } = yield* started
    const { header } = yield* ask(url + path)
    const connection = yield* rawConnection(port)
    connection.socket.write(`HEAD ${path} HTTP/1.1\r\nhost: localhost\r\nrange: bytes=0-9\r\nconnection: close\r\n\r\n`)
    const { received } = yield* connection.closed
    const [head, body] = received.toString("latin1").split("\r\n\r\n")
    expect(head).toMatch(/^HTTP\/1\.1 200 /)
    for (const name of ["content-type", "content-length", "etag", "accept-ranges", "last-modified", "cache-control"]) {
      expect(head!.toLowerCase()).toContain(`${name}: ${header(name)!.toLowerCase()}`)
    }
    expect(body).toBe("")
  }),
)

it.live("logs HEAD as every request, with no byte sent", () =>
  Effect.gen(function* () {
    const logged = yield* Deferred.make<Record<string, unknown>>()
    const logger = Logger.make(({ fiber }) => {
      Effect.runSync(Deferred.succeed(logged, { ...fiber.getRef(References.CurrentLogAnnotations) }))
    })
    const { url } = yield* startedWith({ loggers: [logger] })
    yield* ask(url + path, {}, "HEAD")
    const line = yield* Effect.timeout(Deferred.await(logged), "5 seconds")
    expect(line).toMatchObject({ method: "HEAD", status: 200, bytes: 0, x_cache: "HIT" })
  }),
)

it.live("serves a range of it, and says which", () =>
  Effect.gen(function* () {
    const { url, etag } = yield* started
    const ranged = yield* ask(url + path, { range: "bytes=100-2099", "if-range": etag })
    expect(ranged.status).toBe(206)
    expect(ranged.header("content-range")).toBe("bytes 100-2099/10000")
    expect(ranged.header("content-length")).toBe("2000")
    expect(ranged.header("etag")).toBe(etag)
    expect(ranged.body).toEqual(bytes.subarray(100, 2_100))

    const last = yield* ask(url + path, { range: "bytes=-1" })
    expect([last.status, last.header("content-range")]).toEqual([206, "bytes 9999-9999/10000"])
    expect(last.body).toEqual(bytes.subarray(9_999))
  }),
)

it.live("serves the whole where the range is of another version or several are asked for", () =>
  Effect.gen(function* () {
    const { url } = yield* started
    for (const headers of [{ range: "bytes=0-1", "if-range": '"older"' }, { range: "bytes=0-1,4-5" }]) {
      const { status, header, body } = yield* ask(url + path, headers)
      expect([status, header("content-range"), body.length]).toEqual([200, null, 10_000])
    }
  }),
)

it.live("tells in the envelope that a range lies behind the end, and how long the speech is", () =>
  Effect.gen(function* () {
    const { url } = yield* started
    const { status, header, body } = yield* ask(url + path, { range: "bytes=10000-" })
    expect([status, header("content-range")]).toEqual([416, "bytes */10000"])
    expect(JSON.parse(Buffer.from(body).toString())).toMatchObject({ error: { code: "range_not_satisfiable" } })
  }),
)

it.live("answers 304 to who has it, before any range, and 412 to who wants another", () =>
  Effect.gen(function* () {
    const { url, etag } = yield* started
    for (const method of ["GET", "HEAD"]) {
      const same = yield* ask(url + path, { "if-none-match": etag, range: "bytes=0-1" }, method)
      expect([same.status, same.header("etag"), same.body.length]).toEqual([304, etag, 0])
    }
    const other = yield* ask(url + path, { "if-match": '"older"' })
    expect(other.status).toBe(412)
    expect(Buffer.from(other.body).toString()).toContain("precondition_failed")
  }),
)

it.live.each([
  ["unknown", keyOf("never said")],
  ["malformed", "..%2f..%2fetc%2fpasswd"],
  ["upper-case", keyOf("kept").toUpperCase()],
] as const)("knows no %s key, and lets nobody remember that", ([, key]) =>
  Effect.gen(function* () {
    const { url } = yield* started
    const { status, header, body } = yield* ask(`${url}/v1/audio/speech/${key}`)
    expect([status, header("cache-control")]).toEqual([404, "no-store"])
    expect(JSON.parse(Buffer.from(body).toString())).toMatchObject({ error: { code: "speech_not_found" } })
  }),
)

it.live("breaks the answer off where the file is cut under it", () =>
  Effect.gen(function* () {
    const cut = yield* Deferred.make<never, CacheError>()
    const broken = Stream.concat(Stream.make(bytes.subarray(0, 5_000)), Stream.fromEffect(Deferred.await(cut)))
    const { metadata } = yield* started
    const cache = Layer.mock(AtomicCache, {
      enabled: true,
      knows: () => true,
      get: () => Effect.succeedSome({ metadata, bytes: () => broken }),
    })
    const { port } = yield* startGateway({ rooms: Layer.merge(testRooms, cache) })
    const connection = yield* rawConnection(port)
    connection.socket.write(`GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`)
    yield* connection.seen(/^HTTP\/1\.1 200 [^]*\r\n\r\n[^]{5000}/)
    yield* Deferred.fail(cut, CacheError.broken("cut"))
    const { received } = yield* connection.closed
    expect(received.subarray(received.indexOf("\r\n\r\n") + 4)).toHaveLength(5_000)
  }),
)

it.live("does not look for what is another account's: how long it takes says nothing of what there is", () =>
  Effect.gen(function* () {
    const cache = yield* Effect.provide(AtomicCache, yield* Layer.build(AtomicCache.layerMemory))
    const asked: Array<string> = []
    const watched = AtomicCache.of({ ...cache, get: (key) => Effect.suspend(() => (asked.push(key), cache.get(key))) })
    const owned = OwnedKeys.layerApart(Redacted.make("a secret"))
    const keys = yield* Effect.provide(OwnedKeys, owned)
    const rooms = Layer.mergeAll(testRooms, Layer.succeed(AtomicCache, watched), owned)
    const { url } = yield* startGateway({ rooms })
    const [own, foreign] = ["anonymous", "acct_other"].map((account) => keys.of(account, keyOf("kept")))
    for (const key of [own, foreign, "0".repeat(64)])
      expect((yield* ask(`${url}/v1/audio/speech/${key}`)).status).toBe(404)
    expect(asked).toEqual([own])
  }),
)
