import { NodeFileSystem } from "@effect/platform-node"
import { expect, it } from "@effect/vitest"
import { Effect, FileSystem } from "effect"
import type { Readable } from "node:stream"
import { text } from "node:stream/consumers"
import { recordingForm } from "../../src/upstream/RecordingForm.ts"

it.live("each run of it is a form of its own, read from the file's beginning", () =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const path = yield* fs.makeTempFileScoped({ prefix: "aviary-test-" })
    yield* fs.writeFileString(path, "all of the recording")
    const form = recordingForm({ path, samples: 10 }, { language: ["en-US"], word: ["a\nb", "c"] })
    const sent = Effect.flatMap(form, ({ body, contentType }) =>
      Effect.map(
        Effect.promise(() => text(body as Readable)),
        (bytes) => bytes.replaceAll(contentType!.split("boundary=")[1]!, "BOUNDARY"),
      ),
    )
    const part = (head: string, value: string) =>
      `--BOUNDARY\r\ncontent-disposition: form-data; name=${head}\r\n\r\n${value}\r\n`
    const whole = [
      part('"file"; filename="file.wav"\r\ncontent-type: audio/wav', "all of the recording"),
      part('"language"', "en-US"),
      part('"word"', "a\r\nb"),
      part('"word"', "c"),
      "--BOUNDARY--\r\n",
    ].join("")
    expect(yield* sent).toBe(whole)
    expect(yield* sent).toBe(whole)
  }).pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer)),
)
