import { Effect, Schedule, type Scope } from "effect"
import { execFileSync, spawn } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { freePort } from "./freePort.ts"

const hasProgram = (name: string) =>
  `${process.env["PATH"] ?? ""}:/usr/sbin:/usr/local/sbin`.split(":").some((folder) => existsSync(join(folder, name)))

/** Without both proxies their tests are skipped, except in CI, which installs them. */
export const skipsProxies = !(hasProgram("nginx") && hasProgram("caddy")) && process.env["CI"] !== "true"

const page = readFileSync(fileURLToPath(new URL("../../docs/proxies.md", import.meta.url)), "utf8")

/** The block of docs/proxies.md in that language. */
const told = (language: string): string => new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``).exec(page)![1]!

const accepts = (port: number) =>
  Effect.callback<void, Error>((resume) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy()
      resume(Effect.void)
    }).on("error", (error) => resume(Effect.fail(error)))
  })

/** Runs a program that stays in the foreground until the scope closes, and waits until `port` accepts. */
const served = Effect.fnUntraced(function* (
  port: number,
  program: string,
  args: ReadonlyArray<string>,
  folder: string,
) {
  let output = ""
  yield* Effect.acquireRelease(
    Effect.sync(() => {
      const env = {
        ...process.env,
        PATH: `${process.env["PATH"] ?? ""}:/usr/sbin`,
        HOME: folder,
        XDG_DATA_HOME: folder,
      }
      const child = spawn(program, args, { cwd: folder, stdio: ["ignore", "pipe", "pipe"], env })
      for (const stream of [child.stdout, child.stderr])
        stream.on("data", (chunk: Buffer) => (output += chunk.toString()))
      return child
    }),
    (child) =>
      Effect.callback<void>((resume) => {
        if (child.exitCode !== null) return resume(Effect.void)
        child.once("exit", () => resume(Effect.void))
        child.kill("SIGTERM")
      }),
  )
  yield* accepts(port).pipe(
    Effect.retry(Schedule.spaced("50 millis")),
    Effect.timeout("30 seconds"),
    Effect.mapError(() => new Error(`${program} does not listen: ${output}`)),
    Effect.orDie,
  )
  return `http://127.0.0.1:${port}`
})

const scratch = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "aviary-proxy-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true })),
)

export type Proxy = (gatewayPort: number) => Effect.Effect<string, never, Scope.Scope>

/** nginx with `server` blocks, in front of a gateway on loopback. */
const nginx = (servers: (port: number) => string) =>
  Effect.gen(function* () {
    const [folder, port] = [yield* scratch, yield* freePort]
    mkdirSync(join(folder, "tmp"))
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    writeFileSync(
      join(folder, "nginx.conf"),
      `daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log stderr warn;
       events {}
       http { access_log off; ${temporary.map((name) => `${name}_temp_path ${folder}/tmp/${name};`).join(" ")}
       ${servers(port)} }`,
    )
    return yield* served(port, "nginx", ["-p", folder, "-e", "stderr", "-c", join(folder, "nginx.conf")], folder)
  })

/** nginx as docs/proxies.md tells it. */
export const nginxAsTold: Proxy = (gatewayPort) =>
  nginx((port) =>
    told("nginx")
      .replace("listen 80;", `listen 127.0.0.1:${port};`)
      .replace("127.0.0.1:8000", `127.0.0.1:${gatewayPort}`),
  )

/** nginx as whoever has read nothing sets it up. Before 1.29.7 it speaks HTTP/1.0 to what it stands in front of. */
export const nginxByDefault: Proxy = (gatewayPort) =>
  nginx((port) => `server { listen 127.0.0.1:${port}; location / { proxy_pass http://127.0.0.1:${gatewayPort}; } }`)

/** Caddy as docs/proxies.md tells it, without the certificate that nobody would give it here. */
export const caddyAsTold: Proxy = (gatewayPort) =>
  Effect.gen(function* () {
    const [folder, port] = [yield* scratch, yield* freePort]
    const site = told("caddyfile")
      .replace("voice.example.com {", `http://voice.example.com:${port} {\n\tbind 127.0.0.1`)
      .replace("127.0.0.1:8000", `127.0.0.1:${gatewayPort}`)
    writeFileSync(join(folder, "Caddyfile"), `{\n\tadmin off\n}\n${site}`)
    return yield* served(
      port,
      "caddy",
      ["run", "--config", join(folder, "Caddyfile"), "--adapter", "caddyfile"],
      folder,
    )
  })

/** Before 2.8 Caddy ends properly what came to it broken off: caddyserver/caddy#5951. */
export const caddyPassesOnCuts = (): boolean => {
  const [major, minor] = execFileSync("caddy", ["version"], { encoding: "utf8" }).match(/\d+/g)!.map(Number)
  return major! > 2 || (major === 2 && minor! >= 8)
}
