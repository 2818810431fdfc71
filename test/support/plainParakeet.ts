/**
 * A Parakeet of a few lines that starts in a moment: `node plainParakeet.ts PORT CLIP-BYTES`. It hears `heard <milliseconds>
 * milliseconds` in every WAV, and in one of so many bytes what is said in the health room's probe. Told to end, it takes its time, as a
 * container with a model does; what it then still works on is lost, and that it says.
 */
import { createServer } from "node:http"

const [port, clipBytes] = process.argv.slice(2).map(Number)
let working = 0
let ending = false

const server = createServer((request, response) => {
  const answer = (body: object) => {
    response.writeHead(200, { "content-type": "application/json" })
    response.end(JSON.stringify(body))
  }
  if (request.url === "/v1/health/ready") return answer({ status: "ready" })
  if (ending) process.stdout.write("a call came while it ended\n")
  working++
  const parts: Array<Buffer> = []
  request.on("data", (part: Buffer) => parts.push(part))
  request.on("end", () => {
    const body = Buffer.concat(parts)
    const wav = body.indexOf("RIFF")
    const bytes = body.readUInt32LE(wav + 40)
    setTimeout(() => {
      working--
      answer({
        text:
          bytes + 44 === clipBytes
            ? "He might even have been made amiable himself."
            : `heard ${bytes / 32} milliseconds`,
      })
    }, 20)
  })
})
server.listen(port, "127.0.0.1")
process.on("SIGTERM", () => {
  ending = true
  if (working > 0) process.stdout.write(`${working} calls are lost\n`)
  setTimeout(() => process.exit(0), 500)
})
