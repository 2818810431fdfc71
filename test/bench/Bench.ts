import { type DataDirs, type Gateway, startGateway } from "./Gateway.ts"
import { startNginx } from "./Nginx.ts"
import type { Program, Programs } from "./Programs.ts"
import type { Found } from "./Results.ts"
import type { Pace } from "./Turns.ts"

/**
 * What cases run with.
 *
 * @property pace of a comparison
 * @property progress says what is done now
 */
export interface Bench {
  readonly quick: boolean
  readonly pace: Pace
  readonly programs: Programs
  readonly dataDirs: DataDirs
  readonly engine: Program
  readonly proxy: Program
  readonly memory: Program
  readonly nginx: Program | undefined
  readonly gateway: Gateway
  readonly progress: (doing: string) => void
}

/**
 * A part of the bench, which `--case` can choose by its name.
 *
 * @property limited whether it has a value with a limit: the others are left out of a quick run
 */
export interface Case {
  readonly limited?: boolean
  readonly name: string
  readonly run: (bench: Bench) => Promise<Found>
}

/** More calls at once than are driven, so that no case waits for a turn at an engine that is not a GPU. */
export const roomy = { AVIARY_MAGPIE_CONCURRENCY: "64", AVIARY_PARAKEET_CONCURRENCY: "64" }

/** Starts what most cases need. */
export const prepare = async (options: Omit<Bench, "engine" | "proxy" | "memory" | "nginx" | "gateway">) => {
  const { dataDirs, progress, programs } = options
  progress("programs start")
  const engine = await programs.node("engine", "engine.ts")
  const [proxy, memory] = await Promise.all([
    programs.node("node:http proxy", "bareProxy.ts", [engine.url]),
    programs.node("node:http from memory", "memoryServer.ts"),
  ])
  const dataDir = await dataDirs.make()
  const nginx = await startNginx(programs, dataDir, engine, memory)
  const gateway = await startGateway(programs, dataDir, engine.url, roomy)
  return { ...options, engine, proxy, memory, nginx, gateway } satisfies Bench
}
