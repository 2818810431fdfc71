/**
 * Stands in for the small Parakeet servers that people write with FastAPI: one route, the text and nothing else, a health that is always
 * good, errors in FastAPI's shapes, and a CUDA fault as a mistake of the client's.
 */
import { heardText, json, openAiServer } from "./openAiServers.ts"

/** @property broken whether its GPU has faulted, asked anew each time */
interface Options {
  readonly broken?: () => boolean
}

export const jsonOnlyParakeet = ({ broken = () => false }: Options = {}) =>
  openAiServer(({ fields, file, path }, response) => {
    if (path === "/health") return json(response, 200, { status: "healthy" })
    if (path !== "/v1/audio/transcriptions") return json(response, 404, { detail: "Not Found" })
    if (file === undefined) return json(response, 422, { detail: [{ loc: ["body", "file"], msg: "Field required" }] })
    const { response_format: format = "json" } = fields
    if (format !== "json" && format !== "text") {
      const issue = { type: "literal_error", loc: ["body", "response_format"], msg: "Input should be 'json' or 'text'" }
      return json(response, 422, { detail: [issue] })
    }
    if (broken()) return json(response, 422, { detail: "CUDA error: an illegal memory access was encountered" })
    if (format === "text") return response.writeHead(200, { "content-type": "text/plain" }).end(heardText)
    json(response, 200, { text: heardText })
  })
