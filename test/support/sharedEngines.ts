import { Context, Effect, Layer, Schedule } from "effect"
import { createServer, connect, type Socket } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import { Database } from "../../src/database/Database.ts"
import { startListeningNim, transcribe, wavOf } from "./listeningNim.ts"
import { makeDice } from "./dice.ts"
import { loopbackServer } from "./loopback.ts"
import { databaseAt, startPostgres } from "./postgres.ts"
import { type Several, startSeveral } from "./severalGateways.ts"

interface Report {
  readonly engine: string
  readonly state: string
  readonly probes: ReadonlyArray<{ readonly at: number; readonly outcome: string }>
}

/** Waits until it holds, however long that takes. */
const until = async (holds: () => boolean | Promise<boolean>) => {
  while (!(await holds())) await sleep(50)
}

/**
 * A Parakeet that is restarted by a command, which asks this for it. `restarts`: Unix milliseconds of each. While `wedgesAgain` it is as
 * wedged after a restart as before it.
 */
const startEngine = Effect.gen(function* () {
  const nim = yield* startListeningNim()
  const restarts: Array<number> = []
  const engine = { wedgesAgain: false }
  const wedge = nim.setFaults([{ kind: "wedge", route: "transcriptions", status: 500 }])
  const manager = yield* loopbackServer((_, response) => {
    restarts.push(Date.now())
    void fetch(`${nim.url.origin}/faults/restart`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ loadingMillis: 200 }),
    })
      .then(() => (engine.wedgesAgain ? Effect.runPromise(wedge) : undefined))
      .then(() => response.end())
  })
  const script = `fetch("${manager.url.href}").then((r) => r.text())`
  return {
    nim,
    restarts,
    wedge,
    isDoomed: (doomed: boolean) => void (engine.wedgesAgain = doomed),
    restart: `command:${JSON.stringify([process.execPath, "-e", script])}`,
  }
})

const reports = ({ admin, gateways }: Several) =>
  Effect.forEach(gateways, (_, index) =>
    Effect.map(admin(index, "GET", "/admin/engines"), (answer) =>
      (answer as unknown as { readonly engines: ReadonlyArray<Report> }).engines.find(
        ({ engine }) => engine === "parakeet",
      )!,
    ),
  )

const settings = (restart: string): Record<string, string> => ({
  AVIARY_ACCESS: "open",
  AVIARY_PARAKEET_RESTART: restart,
  AVIARY_RESTART_SETTLE: "1 second",
  AVIARY_RESTART_TIMEOUT: "10 seconds",
  AVIARY_PROBE_INTERVAL: "2 seconds",
  AVIARY_PROBE_TIMEOUT: "10 seconds",
})

const all = (several: Several, state: string) =>
  Effect.repeat(Effect.andThen(Effect.sleep("50 millis"), reports(several)), {
    until: (seen) => seen.every((report) => report.state === state),
  })

/**
 * A wedge that schedule, requests and operators of three gateways meet at once.
 *
 * @property probes that found it, whichever gateway made them
 * @property restarts that followed
 * @property spread milliseconds between the first and the last gateway that called it healthy again
 */
export const wedgeOnce = Effect.gen(function* () {
  const engine = yield* startEngine
  const several = yield* startSeveral(3, settings(engine.restart), { nim: engine.nim })
  const { admin, gateways } = several
  yield* Effect.forEach(gateways, (_, index) => admin(index, "POST", "/admin/engines/parakeet/probe"))
  yield* all(several, "healthy")
  const wedgedAt = Date.now()
  yield* engine.wedge
  const ask = ({ now }: (typeof gateways)[number]) => Effect.ignore(transcribe(now().url, wavOf(300)))
  const operate = (index: number) => Effect.ignoreCause(admin(index, "POST", "/admin/engines/parakeet/probe"))
  yield* Effect.all([...gateways.flatMap((one) => [ask(one), ask(one)]), operate(0), operate(1), operate(2)], {
    concurrency: "unbounded",
  })
  yield* Effect.promise(() => until(() => engine.restarts.length > 0))
  yield* all(several, "healthy")
  const found = (yield* reports(several)).flatMap(({ probes }) => probes)
  const wedged = new Set(found.filter(({ at, outcome }) => outcome === "wedged" && at >= wedgedAt).map(({ at }) => at))
  return { probes: wedged.size, restarts: engine.restarts.length }
})

/** Most that lie in any window of so many milliseconds. */
const mostWithin = (moments: ReadonlyArray<number>, millis: number) =>
  Math.max(0, ...moments.map((from) => moments.filter((at) => at >= from && at < from + millis).length))

/**
 * An engine that no restart helps, for so many seconds, while gateways are killed, frozen and woken at random.
 *
 * @property most restarts within a window, which is a minute
 */
export const hopeless = Effect.fnUntraced(function* (seconds: number, seed: number) {
  const dice = makeDice(seed)
  const engine = yield* startEngine
  const several = yield* startSeveral(
    3,
    { ...settings(engine.restart), AVIARY_RESTART_WINDOW: "1 minute" },
    { nim: engine.nim },
  )
  const { gateways } = several
  engine.isDoomed(true)
  yield* engine.wedge
  const over = performance.now() + seconds * 1_000
  let [kills, freezes] = [0, 0]
  const ask = Effect.suspend(() =>
    Effect.timeoutOption(Effect.ignoreCause(transcribe(dice.pick(gateways).now().url, wavOf(300))), "2 seconds"),
  )
  const asking = Effect.repeat(Effect.andThen(ask, Effect.sleep("200 millis")), {
    while: () => performance.now() < over,
  })
  const harming = Effect.gen(function* () {
    while (performance.now() < over) {
      const victim = dice.pick(gateways)
      if (dice.chance(0.4)) {
        kills++
        yield* victim.kill
        yield* victim.start
      } else {
        freezes++
        const { signal } = victim.now()
        signal("SIGSTOP")
        yield* Effect.sleep(500 + dice.below(12_000))
        signal("SIGCONT")
      }
      yield* Effect.sleep(dice.below(1_500))
    }
  })
  yield* Effect.all([asking, harming], { concurrency: 2 })
  const refused = gateways.flatMap(
    ({ now }) =>
      now()
        .output()
        .match(/was not begun/g) ?? [],
  ).length
  return { restarts: engine.restarts.length, most: mostWithin(engine.restarts, 60_000), kills, freezes, refused }
})

/** A way to a PostgreSQL that takes so long for each answer, once it is told to. */
const slowWay = (port: number) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly port: number; delayMillis: number; readonly close: () => void }>((resume) => {
      const sockets = new Set<Socket>()
      const way = { port: 0, delayMillis: 0, close: () => undefined as void }
      const server = createServer((client) => {
        const there = connect(port, "127.0.0.1")
        for (const socket of [client, there]) {
          sockets.add(socket)
          socket.on("error", () => undefined)
          socket.on("close", () => {
            client.destroy()
            there.destroy()
          })
        }
        client.on("data", (chunk) => there.write(chunk))
        there.on("data", (chunk) => void sleep(way.delayMillis).then(() => client.writable && client.write(chunk)))
      })
      server.listen(0, "127.0.0.1", () => {
        way.port = (server.address() as { readonly port: number }).port
        way.close = () => {
          for (const socket of sockets) socket.destroy()
          server.close()
        }
        resume(Effect.succeed(way))
      })
    }),
    ({ close }) => Effect.sync(() => close()),
  )

/**
 * A gateway that is frozen after it took its turn to restart an engine, and before it restarts it; another restarts the engine meanwhile.
 *
 * @property before restarts when it is woken, `after` when it had its say
 * @property said what it said about it
 */
export const freezeOwner = Effect.gen(function* () {
  const engine = yield* startEngine
  const server = yield* startPostgres()
  const way = yield* slowWay(server.port)
  // Nobody else looks at the engine by himself before the owner falls silent.
  const several = yield* startSeveral(
    3,
    { ...settings(engine.restart), AVIARY_PROBE_INTERVAL: "1 hour" },
    {
      nim: engine.nim,
      server,
      ownDatabase: (index, url) => (index === 0 ? url.replace(`:${server.port}/`, `:${way.port}/`) : url),
    },
  )
  const { gateways, sql } = several
  yield* several.admin(0, "POST", "/admin/engines/parakeet/probe")
  yield* all(several, "healthy")
  const victim = gateways[0]!.now()
  way.delayMillis = 400
  void Effect.runPromise(
    Effect.ignoreCause(several.admin(0, "POST", "/admin/engines/parakeet/restart", { reason: "an operator's wish" })),
  )
  // Its claim is committed, and the word of that is on its way. Asked without `psql`, which would hold up the slow way too.
  const { query } = Context.get(yield* Layer.build(databaseAt(several.url)), Database)
  yield* Effect.repeat(Effect.orDie(query("SELECT 1 FROM restarts WHERE began_at IS NULL")), {
    until: (rows) => rows.length > 0,
    schedule: Schedule.spaced("20 millis"),
  })
  victim.signal("SIGSTOP")
  const claims = sql("SELECT number, began_at IS NULL FROM restarts ORDER BY number")
  yield* engine.wedge
  yield* Effect.ignoreCause(transcribe(gateways[1]!.now().url, wavOf(300)))
  yield* Effect.promise(() => until(() => engine.restarts.length > 0))
  const before = engine.restarts.length
  way.delayMillis = 0
  victim.signal("SIGCONT")
  yield* Effect.promise(() => until(() => /was not begun/.test(victim.output())))
  yield* Effect.promise(() =>
    until(() => sql("SELECT count(*) FROM restarts WHERE number = 1 AND returned_at IS NULL") === "0"),
  )
  yield* all(several, "healthy")
  const rows = sql(
    "SELECT number, began_at IS NOT NULL, ended_at IS NOT NULL, returned_at IS NOT NULL FROM restarts ORDER BY number",
  )
  const said = victim
    .output()
    .split("\n")
    .filter((line) => /not begun|is over/.test(line))
  return { claims, before, after: engine.restarts.length, rows, said }
})
