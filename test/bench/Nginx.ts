import { spawnSync } from "node:child_process"
import { mkdtemp, writeFile } from "node:fs/promises"
import { createServer } from "node:net"
import { join } from "node:path"
import type { Program, Programs } from "./Programs.ts"

const binary = ["nginx", "/usr/sbin/nginx"].find((path) => spawnSync(path, ["-v"]).status === 0)

const freePort = () =>
  new Promise<number>((resolve, reject) => {
    const server = createServer().on("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0))
    })
  })

const config = (folder: string, port: number, engine: URL, memory: URL) => `
daemon off;
master_process off;
worker_processes 1;
pid ${folder}/pid;
error_log stderr warn;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  proxy_cache_path ${folder}/cache keys_zone=cache:16m inactive=1d;
  upstream engine { server ${engine.host}; keepalive 64; }
  upstream memory { server ${memory.host}; keepalive 64; }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    keepalive_requests 1000000;
    proxy_http_version 1.1;
    proxy_set_header connection "";
    location / { proxy_pass http://engine; proxy_buffering off; }
    location /bytes/ {
      proxy_pass http://memory;
      proxy_cache cache;
      proxy_cache_methods GET POST;
      proxy_cache_key $uri;
      proxy_cache_valid 200 1d;
    }
  }
}
`

/** nginx with one process: \`/\` hands on what the engine sends as it comes, \`/bytes/\` answers from its cache. Nothing where it is not installed. */
export const startNginx = async (
  programs: Programs,
  folder: string,
  engine: Program,
  memory: Program,
): Promise<Program | undefined> => {
  if (binary === undefined) return undefined
  const own = await mkdtemp(join(folder, "nginx-"))
  const port = await freePort()
  const path = join(own, "nginx.conf")
  await writeFile(path, config(own, port, new URL(engine.url), new URL(memory.url)))
  return programs.start("nginx", { command: [binary, "-c", path, "-p", own], url: `http://127.0.0.1:${port}` })
}
