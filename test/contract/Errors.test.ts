import { Schema } from "effect"
import { expect, it } from "vitest"
import { ffmpegMissing, tooLong, undecodable } from "../../src/audio/DecodeError.ts"
import { ErrorEnvelope } from "../../src/contract/ErrorEnvelope.ts"
import type { ErrorKind } from "../../src/contract/ErrorKind.ts"
import { Errors } from "../../src/contract/Errors.ts"
import { explain, explainStart } from "../../src/health/HealthError.ts"
import { incomplete } from "../../src/speech/Synthesis.ts"

const kinds = Object.values(Errors) as unknown as ReadonlyArray<ErrorKind>
const examples = kinds.map((kind) => ({ kind: kind.description, error: kind(...kind.description.example) }))

const cell = (text: string) => text.replaceAll("|", "\\|")

const page = `# Errors

Every error has this body, in OpenAI's shape; \`param\` names the request field at fault, if one is.

\`\`\`json
${JSON.stringify(Errors.modelNotFound("tts-9", ["tts-1", "tts-1-hd", "gpt-4o-mini-tts"]).envelope, undefined, 2)}
\`\`\`

Every answer carries \`x-request-id\`, under which the gateway's log has it. OpenAI's SDKs try again by themselves after
408, 409, 429 and every 5xx, unless \`x-should-retry: false\` is there. A failure after the first byte of audio cannot be
told in a body: the connection is broken off, so that no client takes half a speech for a whole one.

| status | code | type | param | message, such as | when |
|---|---|---|---|---|---|
${examples
  .toSorted((a, b) => a.kind.status - b.kind.status || a.kind.code.localeCompare(b.kind.code))
  .map(({ kind, error }) =>
    [
      kind.statusOf === undefined ? String(kind.status) : "the engine's",
      `\`${kind.code}\``,
      `\`${kind.type}\``,
      typeof kind.param === "function" ? "the field" : kind.param === undefined ? "" : `\`${kind.param}\``,
      cell(error.message),
      cell(kind.when) + (kind.retry === false ? " A retry is not asked for." : ""),
    ].join(" | "),
  )
  .map((row) => `| ${row} |\n`)
  .join("")}`

// After a change of the catalogue: npm test -- -u test/contract/Errors.test.ts
it("docs/errors.md is the catalogue", async () => {
  await expect(page).toMatchFileSnapshot("../../docs/errors.md")
})

it("a message that a room words is shown as that room words it", () => {
  const shown = (kind: { readonly description: { readonly example: ReadonlyArray<unknown> } }) =>
    kind.description.example
  expect(shown(Errors.undecodable)).toEqual([undecodable("The file is not audio in a known format.").reason.message])
  expect(shown(Errors.unsupportedAudio)).toEqual([ffmpegMissing().reason.message])
  expect(shown(Errors.audioTooLong)).toEqual([tooLong(14_400).reason.message])
  const bounds = { shortest: 4_700, longest: 60_000 }
  expect(shown(Errors.incompleteAudio)).toEqual([incomplete("too short", 100, bounds).reason.message])
  expect(shown(Errors.engineWedged)).toEqual([explain("parakeet", "restarting")])
  expect(shown(Errors.engineStarting)).toEqual([explainStart("parakeet", 39_500)])
  expect(shown(Errors.engineExhausted)).toEqual([explain("parakeet", "exhausted")])
})

it("every error has OpenAI's envelope and an error status", () => {
  const decode = Schema.decodeUnknownSync(ErrorEnvelope)
  for (const { error } of examples) {
    expect(decode(JSON.parse(JSON.stringify(error.envelope)))).toEqual(error.envelope)
    expect(error.status).toBeGreaterThanOrEqual(400)
    expect(error.status).toBeLessThan(600)
  }
})

it("what shares a code shares its status and type, so that a program can go by the code", () => {
  const meanings = new Map<string, Set<string>>()
  for (const { description } of kinds) {
    const meant = meanings.get(description.code) ?? new Set()
    meanings.set(description.code, meant.add(`${description.status} ${description.type}`))
  }
  expect([...meanings].filter(([, meant]) => meant.size > 1)).toEqual([])
})

it("no error asks for no retry and says when to retry", () => {
  for (const { kind, error } of examples) {
    const { headers } = error.retryAfter(60_000)
    expect([kind.code, "x-should-retry" in headers && "retry-after" in headers]).toEqual([kind.code, false])
    if (kind.retry === false) {
      expect(`${kind.when} ${error.message}`).not.toMatch(/Comes with `Retry-After`|try again|wait a/i)
    }
  }
})

it("a fault of the gateway's own asks SDKs not to repeat the work", () => {
  expect(Errors.internal().headers).toEqual({ "x-should-retry": "false" })
})

it.each([
  [400, 400],
  [422, 422],
  [401, 502],
  [404, 502],
  [413, 502],
  [500, 500],
  [302, 502],
  [200, 502],
])("an engine's status %i is passed on as %i", (status, told) => {
  expect(Errors.engineRejected(status, "text")).toMatchObject({ status: told, message: "text" })
})

it("names at most ten voices", () => {
  const voices = Array.from({ length: 12 }, (_, i) => `Voice${i}`)
  const { message } = Errors.unknownVoice("x", voices)
  expect(message).toContain("Voice9, …")
  expect(message).not.toContain("Voice10")
})
