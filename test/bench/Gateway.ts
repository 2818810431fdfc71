import { existsSync } from "node:fs"
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"
import type { Program, Programs } from "./Programs.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))
const adminToken = "bench-bench-bench-bench"

/** @property key of an account that pays later, without a limit; empty where none is asked for */
export interface Gateway extends Program {
  readonly key: string
}

/** `/tmp` is memory on many systems, where a sync costs nothing. `/var/tmp` is on a disk (Filesystem Hierarchy Standard, 5.15). */
const parent = existsSync("/var/tmp") ? "/var/tmp" : tmpdir()

/** Data directories, which are removed with it. */
export class DataDirs implements AsyncDisposable {
  readonly #made: Array<string> = []

  async make(): Promise<string> {
    const path = await mkdtemp(join(parent, "aviary-bench-"))
    this.#made.push(path)
    return path
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const path of this.#made) await rm(path, { recursive: true, force: true })
  }
}

const admin = async <Answer>(url: string, path: string, body: object): Promise<Answer> => {
  const response = await fetch(`${url}/admin${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${adminToken}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  })
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
  return response.json() as Promise<Answer>
}

/** Prices in force, so that every request is charged. */
const publishRates = (url: string) =>
  admin(url, "/rates", {
    speechPerMillionCharacters: 15_000_000,
    transcriptionPerMinute: 6_000,
    hitShare: 10_000,
    coalescedShare: 10_000,
  })

const openAccount = async (url: string): Promise<string> => {
  const { id } = await admin<{ id: string }>(url, "/accounts", {
    name: "Bench",
    terms: { kind: "metered", monthlyCap: null },
  })
  return (await admin<{ text: string }>(url, "/keys", { accountId: id, name: "Bench" })).text
}

/**
 * Starts the gateway by the line of `npm start`.
 *
 * @param engine base URL of both engines
 */
export const launchGateway = async (
  programs: Programs,
  dataDir: string,
  engine: string,
  settings: Readonly<Record<string, string>>,
): Promise<Program> => {
  const { scripts } = JSON.parse(await readFile(join(root, "package.json"), "utf8"))
  const inherited = Object.keys(process.env).filter((name) => /^(AVIARY_|NODE_|MALLOC_)/.test(name))
  return programs.start("gateway", {
    command: ["sh", "-c", scripts.start],
    cwd: root,
    env: {
      ...Object.fromEntries(inherited.map((name) => [name, undefined])),
      PATH: [join(root, "node_modules", ".bin"), process.env["PATH"]].join(delimiter),
      AVIARY_PORT: "0",
      AVIARY_DATA_DIR: dataDir,
      AVIARY_MAGPIE_URL: engine,
      AVIARY_PARAKEET_URL: engine,
      AVIARY_ADMIN_TOKEN: adminToken,
      AVIARY_ACCESS: "keys",
      ...settings,
    },
  })
}

/** The same with an account. Whatever is asked for is charged. */
export const startGateway = async (
  programs: Programs,
  dataDir: string,
  engine: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<Gateway> => {
  const program = await launchGateway(programs, dataDir, engine, settings)
  await publishRates(program.url)
  return { ...program, key: settings["AVIARY_ACCESS"] === "open" ? "" : await openAccount(program.url) }
}
