import { Cause, Duration, Effect, FileSystem, Option, RcRef, Schema, Sink, Stream } from "effect"
import { type HttpServerRequest, Multipart } from "effect/http"
import { IncomingMessage } from "node:http"
import { anonymous } from "../../billing/Account.ts"
import type { ApiError } from "../../contract/ApiError.ts"
import { currentCaller } from "../access/Caller.ts"
import { Errors } from "../../contract/Errors.ts"
import { JsonUploadRpcs, maxFieldBytes } from "./JsonUploadRpcs.ts"
import { LiveSettings } from "../../LiveSettings.ts"
import { schemaFault } from "../ErrorAnswers.ts"
import { Scratch } from "../../scratch/Scratch.ts"
import { Settings } from "../../Settings.ts"
import { listFields, mostMembers, TranscriptionFields } from "../../contract/TranscriptionForm.ts"
import { make as makePool, workerUrl } from "../../workers/WorkerPool.ts"

/** What clients send for a field that their user left out. */
const isAbsent = (written: string): boolean => /^(null|none|undefined)?$/i.test(written.trim())

/** `name[]` and `name[0]` without what makes them members of a list. */
const listName = (key: string): string => (key.endsWith("]") ? key.slice(0, Math.max(0, key.lastIndexOf("["))) : key)

const jsonList = (written: string): ReadonlyArray<string> | undefined => {
  if (!written.trim().startsWith("[")) return undefined
  try {
    const list: unknown = JSON.parse(written)
    return Array.isArray(list) ? list.map(String) : undefined
  } catch {
    return undefined
  }
}

/**
 * The fields of a form as one record. Of a name that comes several times the first one counts, unless it is a list's: those come as
 * `name[]`, `name[0]` or `name`, separated by commas or as JSON. Of a list as many members are kept as show that it is too long.
 */
export const makeFormFields = () => {
  const single = new Map<string, string>()
  const lists = new Map<string, Array<string>>()
  return {
    add: (key: string, value: string): void => {
      const name = listName(key)
      if (isAbsent(value)) return
      if (!listFields.has(name)) {
        if (!single.has(name)) single.set(name, value)
        return
      }
      const list = lists.get(name) ?? []
      lists.set(name, list)
      for (const member of jsonList(value) ?? value.split(",")) {
        if (list.length > mostMembers) return
        if (!isAbsent(member)) list.push(member.trim())
      }
    },
    has: (name: string): boolean => single.has(name),
    all: (): Readonly<Record<string, unknown>> => ({
      ...Object.fromEntries(single),
      ...Object.fromEntries([...lists].filter(([, list]) => list.length > 0)),
      ...(single.has("response_format")
        ? { response_format: single.get("response_format")!.trim().toLowerCase() }
        : {}),
    }),
  }
}

/**
 * Takes a recording out of JSON, as Open WebUI can send it: `{"model": …, "input_audio": {"data": base64, "format": "wav"}}`. In a
 * thread, since 25 MiB of it take the event loop a tenth of a second.
 */
const makeJsonUpload = Effect.gen(function* () {
  const threads = yield* RcRef.make({
    acquire: makePool(JsonUploadRpcs, {
      url: workerUrl("JsonUploadWorker", import.meta.url),
      size: 1,
      resourceLimits: { maxOldGenerationSizeMb: 512 },
    }),
    idleTimeToLive: "5 minutes",
  })

  /** The other fields of the JSON in the file `input`; the recording goes to `output`. */
  return Effect.fnUntraced(function* (input: string, output: string) {
    const unwrapped = Effect.flatMap(RcRef.get(threads), (pool) =>
      pool.run((client) => client.Unwrap({ input, output })),
    )
    return yield* Effect.scoped(unwrapped).pipe(
      Effect.catchTag("WorkerLost", Errors.invalidJson),
      Effect.catchTag("JsonUploadFault", ({ fault }) => {
        switch (fault) {
          case "json":
            return Errors.invalidJson()
          case "body":
            return Errors.invalidBody()
          case "data":
            return Errors.missingParameter("input_audio.data")
          case "field":
            return Errors.fieldTooLarge(maxFieldBytes)
          case "base64":
            return Errors.invalidValue("input_audio.data", "expected a recording in base64")
          case "disk":
            return Errors.storageUnavailable()
        }
      }),
    )
  })
})

const maxParts = 64

const decodeFields = Schema.decodeUnknownEffect(TranscriptionFields)

/** An upload on disk, gone with the scope that received it. */
export interface Upload {
  readonly path: string
  readonly fields: TranscriptionFields
}

/** `uploadMaxBytes`: of all the form. */
const errorOf = (fault: Multipart.MultipartError, uploadMaxBytes: number): ApiError => {
  switch (fault.reason._tag) {
    case "BodyTooLarge":
    case "FileTooLarge":
      return Errors.bodyTooLarge(uploadMaxBytes)
    case "FieldTooLarge":
      return Errors.fieldTooLarge(maxFieldBytes)
    case "TooManyParts":
      return Errors.tooManyParts(maxParts)
    case "Parse":
    case "InternalError":
      return Errors.invalidMultipart()
  }
}

/**
 * Gives the memory of a piece back at once: V8 would keep up to 64 MB of such pieces before it looks for dead ones. One that is all of
 * its buffer is nobody else's: what a parser keeps of a piece, it cuts off.
 */
const letGo = ({ buffer, byteLength }: Uint8Array): void => {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0)
}

/** `FileSystem.sink` that lets go of what it has written, where that is of a socket: other bodies are whoever's who made them. */
const spool = (fs: FileSystem.FileSystem, path: string, { source }: HttpServerRequest.HttpServerRequest) => {
  const written = source instanceof IncomingMessage ? letGo : () => {}
  return Sink.unwrap(
    Effect.map(fs.open(path, { flag: "w" }), (file) =>
      Sink.forEach((piece: Uint8Array) => Effect.map(file.writeAll(piece), () => written(piece))),
    ),
  )
}

/** Reads the fields of a form, whose one file goes to the path `target`. */
const makeReader = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const limitsOf = (uploadMaxBytes: number) =>
    Multipart.limitsServices({
      maxParts,
      maxFieldSize: maxFieldBytes,
      maxTotalSize: uploadMaxBytes,
      // The default takes a file for a field where its content type is JSON.
      fieldMimeTypes: [],
    })

  return Effect.fnUntraced(function* (
    request: HttpServerRequest.HttpServerRequest,
    target: string,
    uploadMaxBytes: number,
  ) {
    const told = (fault: Multipart.MultipartError) => errorOf(fault, uploadMaxBytes)
    const keep = (file: Multipart.File) =>
      Stream.run(file.content, spool(fs, target, request)).pipe(
        Effect.mapError((fault) => (Multipart.isMultipartError(fault) ? told(fault) : Errors.storageUnavailable())),
      )
    const fields = makeFormFields()
    let received = Option.none<Multipart.File>()
    yield* request.multipartStream.pipe(
      Stream.provideContext(limitsOf(uploadMaxBytes)),
      Stream.mapError(told),
      // Where a delimiter comes before any part header, effect 4.1's parser passes on a field that it knows nothing of, and
      // its Node adapter throws.
      Stream.catchCause((cause) =>
        Cause.hasDies(cause) ? Stream.fail(Errors.invalidMultipart()) : Stream.failCause(cause),
      ),
      Stream.runForEach((part) => {
        if (Multipart.isField(part)) {
          fields.add(part.key, part.value)
          return Effect.void
        }
        if (part.key !== "file") return Effect.mapError(Stream.runDrain(part.content), told)
        if (Option.isSome(received)) return Errors.invalidValue("file", "expected one file")
        received = Option.some(part)
        return keep(part)
      }),
    )
    if (Option.isNone(received)) {
      return yield* fields.has("file")
        ? Errors.invalidValue("file", "expected an uploaded file, with a file name")
        : Errors.missingParameter("file")
    }
    return fields.all()
  })
})

/** The longest JSON that is read at once: what Node can make one text of. */
const maxJsonUpload = 256 * 1024 * 1024

/** The same of a body in JSON, which is spooled as it arrives, too. */
const makeJsonReader = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const { uploads } = yield* Scratch
  const unwrap = yield* makeJsonUpload

  return Effect.fnUntraced(function* (request: HttpServerRequest.HttpServerRequest, target: string, mostBytes: number) {
    const uploadMaxBytes = Math.min(mostBytes, maxJsonUpload)
    const whole = yield* Effect.mapError(uploads.file, Errors.storageUnavailable)
    let bytes = 0
    const bounded = Stream.mapEffect(request.stream, (chunk) => {
      bytes += chunk.length
      return bytes > uploadMaxBytes ? Errors.bodyTooLarge(uploadMaxBytes) : Effect.succeed(chunk)
    })
    yield* Stream.run(bounded, spool(fs, whole, request)).pipe(
      Effect.mapError((fault) =>
        fault._tag === "ApiError"
          ? fault
          : fault._tag === "HttpServerError"
            ? Errors.malformedRequest()
            : Errors.storageUnavailable(),
      ),
    )
    const fields = makeFormFields()
    for (const [name, value] of yield* unwrap(whole, target)) fields.add(name, value)
    return fields.all()
  }, Effect.scoped)
})

const isForm = ({ headers }: HttpServerRequest.HttpServerRequest): boolean =>
  /^multipart\/form-data\b/i.test(headers["content-type"] ?? "")

/**
 * Receives transcription forms, and the same as JSON. The file goes to disk as it arrives, so that memory stays the same whatever its size;
 * everything about the form is bounded, the time it takes included.
 */
export const makeUploads = Effect.gen(function* () {
  const { space, uploads } = yield* Scratch
  const { uploadTimeout } = yield* Settings
  const live = yield* LiveSettings
  const readForm = yield* makeReader
  const readJson = yield* makeJsonReader

  const receive = Effect.fn("http.receive")(function* (request: HttpServerRequest.HttpServerRequest) {
    const { uploadMaxBytes } = live.now()
    if (Number(request.headers["content-length"]) > uploadMaxBytes) {
      return yield* Errors.bodyTooLarge(uploadMaxBytes)
    }
    const { accountId } = yield* currentCaller
    // Without a length it counts as the largest there may be. In JSON the recording is there twice for a moment.
    const bytes = Number(request.headers["content-length"] ?? uploadMaxBytes) * (isForm(request) ? 1 : 2)
    yield* space.take(accountId === anonymous ? undefined : accountId, { uploads: 1, bytes })
    const target = yield* Effect.mapError(uploads.file, Errors.storageUnavailable)
    const fields = yield* (isForm(request) ? readForm : readJson)(request, target, uploadMaxBytes)
    const decoded = yield* Effect.mapError(decodeFields(fields), schemaFault)
    return { path: target, fields: decoded } satisfies Upload
  })

  return (request: HttpServerRequest.HttpServerRequest) =>
    receive(request).pipe(
      Effect.timeoutOrElse({
        duration: Duration.fromInputUnsafe(uploadTimeout),
        orElse: () => Errors.requestTimeout(),
      }),
    )
})
