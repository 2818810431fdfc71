import { describe, expect, it } from "vitest"
import { errorBodyMessage } from "../../src/upstream/EngineErrorBody.ts"

describe("errorBodyMessage", () => {
  it.each([
    ["FastAPI's text", `{"detail":"Unknown model"}`, "Unknown model"],
    [
      "FastAPI's issues",
      `{"detail":[{"type":"missing","loc":["body","text"],"msg":"Field required"},{"msg":"Too long"}]}`,
      "body.text: Field required; Too long",
    ],
    ["a string error", `{"error":"No file part","details":"x"}`, "No file part"],
    ["OpenAI's envelope", `{"error":{"message":"Bad voice","type":"x","code":null}}`, "Bad voice"],
    ["a bare message", `{"message":"Service is starting","object":"error"}`, "Service is starting"],
    ["plain text over lines", "Internal\n  Server\tError\n", "Internal Server Error"],
    [
      "a titled page",
      "<html><head><title>502 Bad Gateway</title></head><body><h1>nginx</h1></body></html>",
      "502 Bad Gateway",
    ],
    ["an untitled page", "<!DOCTYPE html><body><script>x()</script><h1>It is</h1> down", "It is down"],
    ["JSON of no known shape", `{"code":7}`, `{"code":7}`],
    ["half a JSON text", `{"detail":"CUDA err`, `{"detail":"CUDA err`],
    ["nothing", "", ""],
  ])("finds the words in %s", (_, body, message) => {
    expect(errorBodyMessage(body)).toBe(message)
  })

  it("keeps to 300 characters and one line", () => {
    const message = errorBodyMessage(JSON.stringify({ detail: "ab\n".repeat(2_000) }))
    expect(message).toHaveLength(300)
    expect(message).not.toContain("\n")
  })
})
