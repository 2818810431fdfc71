import { OpenApi } from "effect/http-api"
import { expect, it } from "vitest"
import { Api } from "../../src/contract/Api.ts"

const spec = OpenApi.fromApi(Api)
const operation = (path: string, method: "get" | "post") => spec.paths[path]?.[method]

it("documents every route that a client may use, and hides the twin for ids with a slash", () => {
  expect(Object.keys(spec.paths)).toEqual(
    expect.arrayContaining([
      "/v1/audio/speech",
      "/v1/audio/transcriptions",
      "/v1/audio/voices",
      "/v1/audio/models",
      "/v1/models",
      "/v1/models/{id}",
      "/health/live",
      "/health/ready",
    ]),
  )
  expect(Object.keys(spec.paths)).not.toContain("/v1/models/{owner}/{name}")
})

// Clients that look for other servers take these for a sign: wyoming_openai for LocalAI and Kokoro.
it.each(["/v1/readyz", "/readyz", "/v1/test"])("has no %s", (path) => {
  expect(spec.paths).not.toHaveProperty([path])
})

it("documents errors with the envelope", () => {
  for (const [path, method] of [
    ["/v1/audio/speech", "post"],
    ["/v1/audio/transcriptions", "post"],
    ["/v1/models/{id}", "get"],
  ] as const) {
    const responses = Object.entries(operation(path, method)?.responses ?? {}).filter(
      ([status]) => Number(status) >= 400,
    )
    expect(responses.length).toBeGreaterThan(0)
    for (const [status, response] of responses) {
      expect(JSON.stringify(response), `${path} ${status}`).toContain("#/components/schemas/Error")
    }
  }
})

it("shows what each field of a speech accepts, with an example", () => {
  const schema = JSON.stringify(spec.components.schemas.SpeechRequest)
  for (const field of ["model", "input", "voice", "response_format", "speed", "language", "sample_rate_hz"]) {
    expect(schema).toContain(`"${field}"`)
  }
  expect(schema).toContain('"examples"')
})

it("shows the recording as a file to upload", () => {
  const content = operation("/v1/audio/transcriptions", "post")?.requestBody?.content
  expect(Object.keys(content ?? {})).toEqual(["multipart/form-data", "application/json"])
  expect(JSON.stringify(spec.components.schemas.TranscriptionRequest)).toContain('"format":"binary"')
})
