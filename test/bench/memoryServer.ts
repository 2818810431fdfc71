/** The least that a server can do in Node: it reads the request and answers with bytes that it has. `GET /bytes/32768`, or `POST`. */
import { createServer } from "node:http"
import { recording } from "./Voice.ts"

const bodies = new Map<number, Buffer>()
const bodyOf = (bytes: number): Buffer => {
  const body = bodies.get(bytes) ?? recording(bytes)
  bodies.set(bytes, body)
  return body
}

const server = createServer((request, response) => {
  request.resume()
  request.on("end", () => {
    const body = bodyOf(Number(request.url!.slice("/bytes/".length)))
    response.writeHead(200, { "content-type": "audio/wav", "content-length": body.length }).end(body)
  })
})
server.listen(0, "127.0.0.1", () => {
  const address = server.address()
  if (address !== null && typeof address === "object") console.log(`listening on http://127.0.0.1:${address.port}`)
})
