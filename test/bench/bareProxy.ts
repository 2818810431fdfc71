/** The least that a gateway can do in Node: OpenAI's JSON in, the NIM's form out, and what it answers piped. `node bareProxy.ts <engine>` */
import { Agent, createServer, request } from "node:http"

const engine = new URL("/v1/audio/synthesize_online", process.argv[2])
const agent = new Agent({ keepAlive: true })
const boundary = "bench-bench-bench-bench"

const formOf = (fields: Readonly<Record<string, string>>): string =>
  Object.entries(fields)
    .map(([name, value]) => `--${boundary}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`)
    .join("")
    .concat(`--${boundary}--\r\n`)

const server = createServer((asked, response) => {
  let json = ""
  asked.setEncoding("utf8").on("data", (chunk: string) => (json += chunk))
  asked.on("end", () => {
    const { input, voice } = JSON.parse(json)
    const form = formOf({ text: input, language: "en-US", voice, sample_rate_hz: "22050", encoding: "LINEAR_PCM" })
    const headers = {
      "content-type": `multipart/form-data; boundary=${boundary}`,
      "content-length": Buffer.byteLength(form),
    }
    const forwarded = request(engine, { agent, method: "POST", headers }, (answer) => {
      response.writeHead(answer.statusCode!, { "content-type": "audio/wav" })
      answer.pipe(response)
    })
    forwarded.on("error", () => response.destroy())
    forwarded.end(form)
  })
})
server.listen(0, "127.0.0.1", () => {
  const address = server.address()
  if (address !== null && typeof address === "object") console.log(`listening on http://127.0.0.1:${address.port}`)
})
