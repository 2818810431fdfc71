/**
 * What Aviary costs, beside bare programs that do the same transfer. Needs `wrk`; nginx joins in where it is installed. How it measures,
 * and what came out, is in `docs/performance.md`.
 *
 *     npm run bench                    everything: forty minutes
 *     npm run bench -- --limited       what has a limit, as exactly: twenty minutes
 *     npm run bench -- --quick         what has a limit, less exact, in two minutes
 *     npm run bench -- --case miss     the cases whose name has it
 *     npm run bench -- --json out.json where the numbers go, besides being printed
 */
import { execFileSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { cpus } from "node:os"
import { parseArgs } from "node:util"
import { type Bench, prepare } from "./Bench.ts"
import { allCores } from "./cases/AllCores.ts"
import { encoders } from "./cases/Encoders.ts"
import { entries, keys, voices } from "./cases/Hits.ts"
import { latency } from "./cases/Latency.ts"
import { identical, listening } from "./cases/Listeners.ts"
import { coldStart, loop } from "./cases/Starts.ts"
import { tracing } from "./cases/Tracing.ts"
import { transfers } from "./cases/Transfers.ts"
import { transcription, uploads } from "./cases/Uploads.ts"
import { DataDirs } from "./Gateway.ts"
import { Programs } from "./Programs.ts"
import { type Found, verdict, written } from "./Results.ts"

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    limited: { type: "boolean", default: false },
    case: { type: "string", default: "" },
    json: { type: "string" },
  },
})

const all = [
  ...transfers,
  keys,
  tracing,
  latency,
  listening,
  identical,
  uploads,
  transcription,
  encoders,
  voices,
  entries,
  coldStart,
  loop,
  allCores,
]
const cases = all.filter(
  ({ limited = false, name }) =>
    name.includes(values.case) && (limited || !(values.quick || values.limited) || values.case !== ""),
)

const pace = values.quick ? { rounds: 1, seconds: 1, warmUpSeconds: 8 } : { rounds: 5, seconds: 2, warmUpSeconds: 30 }

/** One line that is written over on a terminal, a line for each case elsewhere. */
const progress = (doing: string) => {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${doing}`)
}

const run = async (bench: Bench): Promise<ReadonlyArray<Found>> => {
  const found: Array<Found> = []
  for (const [index, one] of cases.entries()) {
    const started = performance.now()
    progress(one.name)
    found.push(await one.run(bench))
    const seconds = ((performance.now() - started) / 1_000).toFixed(0)
    process.stderr.write(
      `${process.stderr.isTTY ? "\r\x1b[K" : ""}${index + 1}/${cases.length} ${one.name}: ${seconds} s\n`,
    )
  }
  return found
}

const wrkIsThere = () => {
  try {
    execFileSync("sh", ["-c", "command -v wrk"])
    return true
  } catch {
    return false
  }
}

/** Rejects once the bench is told to stop, so that its programs end and its directories go as after a run. */
const stopped = new Promise<never>((_, reject) => {
  for (const [signal, number] of [
    ["SIGINT", 2],
    ["SIGTERM", 15],
  ] as const)
    process.once(signal, () => {
      process.exitCode = 128 + number
      reject(new Error(`stopped by ${signal}`))
    })
})
stopped.catch(() => {})

const measure = async () => {
  await using dataDirs = new DataDirs()
  await using programs = new Programs()
  const measured = async () => run(await prepare({ quick: values.quick, pace, programs, dataDirs, progress }))
  return await Promise.race([measured(), stopped])
}

if (cases.length === 0 || !wrkIsThere()) {
  console.error(
    cases.length === 0
      ? `No case is called like ${values.case}. There are: ${all.map(({ name }) => name).join(", ")}`
      : "The bench drives programs with wrk, which is not installed: apt-get install wrk",
  )
  process.exitCode = 2
} else {
  const found = await measure().catch((error: Error) => {
    console.error(process.exitCode === undefined ? error : error.message)
    // Whatever was being measured goes on against programs that have ended.
    process.exit(process.exitCode ?? 1)
  })
  console.log(`\n${written(found)}`)
  if (values.json !== undefined) {
    const targets = found.flatMap(({ targets = [] }) => targets.map((one) => ({ ...one, verdict: verdict(one) })))
    const machine = { cpu: cpus()[0]?.model, cores: cpus().length, node: process.version }
    writeFileSync(values.json, `${JSON.stringify({ machine, quick: values.quick, found, targets }, undefined, 2)}\n`)
  }
}
