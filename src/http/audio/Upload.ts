import { Cause, Duration, Effect, FileSystem, Option, Schema, Stream } from "effect"
import { type HttpServerRequest, Multipart } from "effect/http"
import { anonymous } from "../../billing/Account.ts"
import type { ApiError } from "../../contract/ApiError.ts"
import { Errors } from "../../contract/Errors.ts"
import { TranscriptionFields } from "../../contract/TranscriptionForm.ts"
import { Scratch } from "../../scratch/Scratch.ts"
import { Settings } from "../../Settings.ts"
import { currentCaller } from "../access/CurrentCaller.ts"
import { schemaFault } from "../SchemaFault.ts"

const maxParts = 64
const maxFieldBytes = 64 * 1024

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

/** Reads the fields of a form, whose one file goes to the path `target`. */
const makeReader = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const { uploadMaxBytes } = yield* Settings

  const limits = Multipart.limitsServices({
    maxParts,
    maxFieldSize: maxFieldBytes,
    maxTotalSize: uploadMaxBytes,
    // The default takes a file for a field where its content type is JSON.
    fieldMimeTypes: [],
  })

  const told = (fault: Multipart.MultipartError) => errorOf(fault, uploadMaxBytes)

  const spool = (file: Multipart.File, to: string) =>
    Stream.run(file.content, fs.sink(to)).pipe(
      Effect.mapError((fault) => (Multipart.isMultipartError(fault) ? told(fault) : Errors.storageUnavailable())),
    )

  return Effect.fnUntraced(function* (parts: Stream.Stream<Multipart.Part, Multipart.MultipartError>, target: string) {
    const fields = new Map<string, string>()
    let received = Option.none<Multipart.File>()
    yield* parts.pipe(
      Stream.provideContext(limits),
      Stream.mapError(told),
      // Where a delimiter comes before any part header, effect 4.1's parser passes on a field that it knows nothing of, and
      // its Node adapter throws.
      Stream.catchCause((cause) =>
        Cause.hasDies(cause) ? Stream.fail(Errors.invalidMultipart()) : Stream.failCause(cause),
      ),
      Stream.runForEach((part) => {
        if (Multipart.isField(part)) {
          // The first one counts; lists are sent as repeated `name[]`.
          const name = part.key.replace(/\[\]$/, "")
          if (!fields.has(name)) fields.set(name, part.value)
          return Effect.void
        }
        if (part.key !== "file") return Effect.mapError(Stream.runDrain(part.content), told)
        if (Option.isSome(received)) return Errors.invalidValue("file", "expected one file")
        received = Option.some(part)
        return spool(part, target)
      }),
    )
    if (Option.isNone(received)) {
      return yield* fields.has("file")
        ? Errors.invalidValue("file", "expected an uploaded file, with a file name")
        : Errors.missingParameter("file")
    }
    return Object.fromEntries(fields)
  })
})

/**
 * Receives transcription forms. The file goes to disk as it arrives, so that memory stays the same whatever its size;
 * everything about the form is bounded, the time it takes included.
 */
export const makeUploads = Effect.gen(function* () {
  const { space, uploads } = yield* Scratch
  const { uploadMaxBytes, uploadTimeout } = yield* Settings
  const read = yield* makeReader

  const receive = Effect.fn("http.receive")(function* (
    request: HttpServerRequest.HttpServerRequest,
    parts: Stream.Stream<Multipart.Part, Multipart.MultipartError>,
  ) {
    if (Number(request.headers["content-length"]) > uploadMaxBytes) {
      return yield* Errors.bodyTooLarge(uploadMaxBytes)
    }
    const { accountId } = yield* currentCaller
    // Without a length it counts as the largest there may be.
    const bytes = Number(request.headers["content-length"] ?? uploadMaxBytes)
    yield* space.take(accountId === anonymous ? undefined : accountId, { uploads: 1, bytes })
    const target = yield* Effect.mapError(uploads.file, Errors.storageUnavailable)
    const fields = yield* read(parts, target)
    const decoded = yield* Effect.mapError(decodeFields(fields), schemaFault)
    return { path: target, fields: decoded } satisfies Upload
  })

  return (
    request: HttpServerRequest.HttpServerRequest,
    parts: Stream.Stream<Multipart.Part, Multipart.MultipartError>,
  ) =>
    receive(request, parts).pipe(
      Effect.timeoutOrElse({
        duration: Duration.fromInputUnsafe(uploadTimeout),
        orElse: () => Errors.requestTimeout(),
      }),
    )
})
