/**
 * Stands in for the small Parakeet servers that people write with FastAPI: one route, the text and nothing else, a health that is always
 * good, errors in FastAPI's shapes, and a CUDA fault as a mistake of the client's.
 */
import { Effect } from "effect"
import { heardText, json, openAiServer } from "./openAiServers.ts"

/** `wedge` breaks it, until it is restarted: by `restart`, a setting that does so with a real command. */
export const jsonOnlyParakeet = Effect.fnUntraced(function* () {
  let broken = false
  const server = yield* openAiServer(({ fields, file, path }, response) => {
    if (path === "/health") return json(response, 200, { status: "healthy" })
    if (path === "/restart") {
      broken = false
      return json(response, 200, {})
    }
    if (path !== "/v1/audio/transcriptions") return json(response, 404, { detail: "Not Found" })
    if (file === undefined) return json(response, 422, { detail: [{ loc: ["body", "file"], msg: "Field required" }] })
    const { response_format: format = "json" } = fields
    if (format !== "json" && format !== "text") {
      const issue = { type: "literal_error", loc: ["body", "response_format"], msg: "Input should be 'json' or 'text'" }
      return json(response, 422, { detail: [issue] })
    }
    if (broken) return json(response, 422, { detail: "CUDA error: an illegal memory access was encountered" })
    if (format === "text") return response.writeHead(200, { "content-type": "text/plain" }).end(heardText)
    json(response, 200, { text: heardText })
  })
  const wedge = () => {
    broken = true
  }
  const script = `fetch(${JSON.stringify(new URL("/restart", server.url).href)})`
  return { ...server, wedge, restart: `command:${JSON.stringify([process.execPath, "-e", script])}` }
})
