/**
 * What the project gives operators for Prometheus and Grafana works with a real Prometheus: names and units are as its conventions ask, an
 * engine's wedge raises its alarm, and every query of the dashboard finds data.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { Effect, FileSystem, Schedule } from "effect"
import { spawn, spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { postSpeech, startAviary } from "../support/aviary.ts"
import { freePort } from "../support/freePort.ts"
import { wavOf } from "../support/listeningNim.ts"
import { NimTest } from "../support/nim.ts"

const rules = fileURLToPath(new URL("../../docker/prometheus/aviary.rules.yml", import.meta.url))
const dashboard = fileURLToPath(new URL("../../docker/grafana/aviary.json", import.meta.url))
const hasPrometheus = spawnSync("promtool", ["--version"]).status === 0

/** Runs Prometheus with the project's rules, over the gateway at `target`. */
const startPrometheus = Effect.fnUntraced(function* (target: string) {
  const fs = yield* FileSystem.FileSystem
  const folder = yield* fs.makeTempDirectoryScoped({ prefix: "aviary-prometheus-" })
  const config = `${folder}/prometheus.yml`
  yield* fs.writeFileString(
    config,
    JSON.stringify({
      global: { scrape_interval: "500ms", evaluation_interval: "500ms" },
      rule_files: [rules],
      scrape_configs: [{ job_name: "aviary", static_configs: [{ targets: [target] }] }],
    }),
  )
  const port = yield* freePort
  yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(
        "prometheus",
        [`--config.file=${config}`, `--storage.tsdb.path=${folder}/data`, `--web.listen-address=127.0.0.1:${port}`],
        { stdio: "ignore" },
      ),
    ),
    (child) =>
      Effect.callback<void>((resume) => {
        if (child.exitCode !== null) return resume(Effect.void)
        child.once("exit", () => resume(Effect.void))
        child.kill("SIGKILL")
      }),
  )
  const ask = (path: string) =>
    Effect.promise(() =>
      fetch(`http://127.0.0.1:${port}/api/v1/${path}`).then(
        (response) => response.json() as Promise<{ readonly data: any }>,
        () => ({ data: undefined }),
      ),
    )
  return {
    rules: Effect.map(ask("rules"), ({ data }) =>
      ((data?.groups ?? []) as ReadonlyArray<{ readonly rules: ReadonlyArray<Rule> }>).flatMap(({ rules }) => rules),
    ),
    alerts: Effect.map(ask("alerts"), ({ data }) => (data?.alerts ?? []) as ReadonlyArray<Alert>),
    query: (expr: string) =>
      Effect.map(ask(`query?query=${encodeURIComponent(expr)}`), ({ data }) => (data?.result ?? []) as Array<unknown>),
  }
})

/** A rule that Prometheus has loaded; `lastEvaluation` begins with the year 1 where there was none yet. */
interface Rule {
  readonly name: string
  readonly type: "alerting" | "recording"
  readonly health: "ok" | "err" | "unknown"
  readonly lastError?: string
  readonly lastEvaluation: string
}

interface Alert {
  readonly labels: Readonly<Record<string, string>>
  readonly state: "pending" | "firing"
}

const until = <A>(self: Effect.Effect<A>, holds: (found: A) => boolean) =>
  self.pipe(Effect.repeat({ until: holds, schedule: Schedule.spaced("300 millis") }), Effect.timeout("90 seconds"))

/** Every query of the dashboard, as Grafana would ask it of all gateways. */
const queries = () => {
  const { annotations, panels } = JSON.parse(readFileSync(dashboard, "utf8")) as {
    readonly annotations: { readonly list: ReadonlyArray<{ readonly expr: string }> }
    readonly panels: ReadonlyArray<{ readonly targets: ReadonlyArray<{ readonly expr: string }> }>
  }
  return [...panels.flatMap(({ targets }) => targets), ...annotations.list].map(({ expr }) =>
    expr.replaceAll("$__rate_interval", "1m").replaceAll("$instance", ".*"),
  )
}

/** What operators are to be told of, in the order of the file. */
const alarms = Array.from(readFileSync(rules, "utf8").matchAll(/^ *- alert: (\w+)$/gm), ([, name]) => name!)

const transcribe = (url: string) =>
  Effect.promise(async () => {
    const form = new FormData()
    form.set("model", "whisper-1")
    form.set("file", new Blob([wavOf(300)]), "clip.wav")
    return (await fetch(`${url}/v1/audio/transcriptions`, { method: "POST", body: form })).status
  })

layer(NodeServices.layer, { excludeTestServices: true })("Alerts", (it) => {
  it.effect.skipIf(!hasPrometheus && process.env["CI"] !== "true")(
    "a real Prometheus finds nothing wrong, evaluates every rule, raises the alarm of a wedge, and answers every query of the dashboard",
    () =>
      Effect.gen(function* () {
        const nim = yield* NimTest
        const gateway = yield* startAviary(nim, {
          parakeetRestart: `command:${JSON.stringify([process.execPath, "-e", "process.exit(1)"])}`,
        })
        const prometheus = yield* startPrometheus(new URL(gateway.url).host)
        expect(spawnSync("promtool", ["check", "rules", "--lint-fatal", rules], { encoding: "utf8" })).toMatchObject({
          status: 0,
        })

        const whole = Effect.flatMap(postSpeech(gateway.url), (one) => Effect.promise(() => one.arrayBuffer()))
        yield* whole
        yield* until(prometheus.query('up{job="aviary"} == 1'), (found) => found.length > 0)
        // Each rule of the file is loaded, and was evaluated over what the gateway shows.
        const evaluated = yield* until(
          prometheus.rules,
          (loaded) => loaded.length > 0 && loaded.every(({ lastEvaluation }) => !lastEvaluation.startsWith("0001")),
        )
        expect(evaluated.map(({ health, lastError = "", name, type }) => [name, type, health, lastError])).toEqual(
          alarms.map((name) => [name, "alerting", "ok", ""]),
        )
        expect(yield* prometheus.alerts).toEqual([])
        yield* whole
        yield* transcribe(gateway.url)
        yield* Effect.promise(() => fetch(`${gateway.url}/v1/models/none-such`))
        yield* nim.setFaults([{ kind: "wedge", route: "transcriptions", times: 1_000 }])
        expect(yield* transcribe(gateway.url)).toBe(503)
        const firing = yield* until(prometheus.alerts, (alerts) =>
          alerts.some(({ labels, state }) => labels["alertname"] === "AviaryEngineWedged" && state === "firing"),
        )
        expect(firing.find(({ labels }) => labels["alertname"] === "AviaryEngineWedged")?.labels).toMatchObject({
          engine: "parakeet",
          severity: "warn",
        })

        for (const query of queries()) {
          const found = yield* until(prometheus.query(query), (rows) => rows.length > 0).pipe(
            Effect.catchTag("TimeoutError", () => Effect.succeed([])),
          )
          expect([query, found.length > 0]).toEqual([query, true])
        }

        const metrics = yield* Effect.promise(() => fetch(`${gateway.url}/metrics`).then((answer) => answer.text()))
        // A rule over a metric that is called otherwise would be evaluated for ever, and never tell.
        const watched = new Set(Array.from(readFileSync(rules, "utf8").matchAll(/\baviary_\w+/g), ([name]) => name))
        const types = new Set(
          Array.from(metrics.matchAll(/^# TYPE (\w+) (\w+)$/gm), ([, name, type]) =>
            type === "histogram" ? `${name}_bucket` : name!,
          ),
        )
        expect([...watched].filter((name) => !types.has(name))).toEqual([])
        const checked = spawnSync("promtool", ["check", "metrics"], { input: metrics, encoding: "utf8" })
        expect([checked.status, checked.stdout, checked.stderr]).toEqual([0, "", ""])
      }).pipe(Effect.provide(NimTest.layer)),
  )
})
