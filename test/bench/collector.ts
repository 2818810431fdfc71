/** The least that a collector can do: it reads what is exported and says that it has it. `GET` answers how many exports there were. */
import { createServer } from "node:http"

let exports = 0

const server = createServer((request, response) => {
  request.resume()
  request.on("end", () => {
    if (request.method === "POST") exports += 1
    response.writeHead(200, { "content-type": "application/json" }).end(request.method === "POST" ? "{}" : `${exports}`)
  })
})
server.listen(0, "127.0.0.1", () => {
  const address = server.address()
  if (address !== null && typeof address === "object") console.log(`listening on http://127.0.0.1:${address.port}`)
})
