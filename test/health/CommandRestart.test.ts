import { readFileSync, readlinkSync } from "node:fs"
import { NodeServices } from "@effect/platform-node"
import { assert, it } from "@effect/vitest"
import { Duration, Effect, Fiber, FileSystem } from "effect"
import { makeCommandRestart } from "../../src/health/CommandRestart.ts"

const node = (script: string, ...args: ReadonlyArray<string>) => ({
  program: process.execPath,
  args: ["-e", script, ...args],
})
const restart = (
  command: { readonly program: string; readonly args: ReadonlyArray<string> },
  timeout: Duration.Input = "20 seconds",
) => Effect.flatMap(makeCommandRestart(command, Duration.fromInputUnsafe(timeout)), (backend) => backend.restart)

/** A zombie is dead, only not yet collected by a parent that is not ours. */
const isAlive = (pid: number) => {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, "utf8"))
  } catch {
    return false
  }
}

const untilWritten = (path: string) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    for (;;) {
      const text = yield* Effect.orElseSucceed(fs.readFileString(path), () => "")
      if (text !== "") return text
      yield* Effect.sleep("20 millis")
    }
  })

it.live("arguments reach the process as they were written", () =>
  Effect.gen(function* () {
    const args = ["two words", `"quoted" and 'quoted'`, "; touch /tmp/never", "$HOME `id` $(id) *", "", "ä\n\t\\"]
    const said = yield* restart(node("process.stdout.write(JSON.stringify(process.argv.slice(1)))", ...args))
    assert.include(said, JSON.stringify(args))
  }).pipe(Effect.provide(NodeServices.layer)),
)

it.live("a failure tells the exit code and the end of the output, and may have restarted something", () =>
  Effect.gen(function* () {
    const { reason } = yield* Effect.flip(
      restart(
        node(
          "process.stdout.write('x'.repeat(100000)); process.stderr.write('no such host: spark'); process.exitCode = 7",
        ),
      ),
    )
    assert.deepInclude(reason, { _tag: "RestartFailed", attempted: true })
    const { message } = reason as { message: string }
    assert.include(message, "exit code 7")
    assert.include(message, "no such host: spark")
    assert.isBelow(message.length, 3_000)
  }).pipe(Effect.provide(NodeServices.layer)),
)

it.live("a program that does not exist has restarted nothing", () =>
  Effect.gen(function* () {
    const { reason } = yield* Effect.flip(restart({ program: "/no/such/program", args: [] }))
    assert.deepInclude(reason, { _tag: "RestartFailed", attempted: false })
    assert.include((reason as { message: string }).message, "/no/such/program cannot be started")
  }).pipe(Effect.provide(NodeServices.layer)),
)

/** Ignores SIGTERM, as does its child; both write their process id. */
const stubborn = (file: string) =>
  node(
    `process.on("SIGTERM", () => {});
     const child = require("node:child_process").spawn(process.execPath, ["-e", 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1000)'], { stdio: "inherit" });
     require("node:fs").writeFileSync(process.argv[1], process.pid + " " + child.pid); setInterval(() => {}, 1000)`,
    file,
  )

for (const [how, end] of [
  ["at the time limit", (file: string) => Effect.flip(restart(stubborn(file), "1 second"))],
  [
    "when the gateway leaves",
    (file: string) =>
      Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(restart(stubborn(file)))
        yield* untilWritten(file)
        yield* Fiber.interrupt(fiber)
        return undefined
      }),
  ],
] as const) {
  it.live(`a command that does not end is killed with all it started, ${how}`, () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const file = `${yield* fs.makeTempDirectoryScoped()}/pids`
      const error = yield* end(file)
      if (error !== undefined) {
        assert.deepInclude(error.reason, { _tag: "RestartFailed", attempted: true })
        assert.include((error.reason as { message: string }).message, "did not end within 1s")
      }
      const pids = (yield* untilWritten(file)).split(" ").map(Number)
      assert.strictEqual(pids.length, 2)
      assert.deepStrictEqual(pids.map(isAlive), [false, false])
    }).pipe(Effect.provide(NodeServices.layer)),
  )
}

it.live("a program left in the background does not hold the restart up", () =>
  Effect.gen(function* () {
    const script = `const child = require("node:child_process").spawn(process.execPath, ["-e", "setTimeout(() => {}, 4000)"], { stdio: "inherit" }); child.unref(); console.log("left it")`
    const before = Date.now()
    assert.include(yield* restart(node(script)), "left it")
    assert.isBelow(Date.now() - before, 3_500)
  }).pipe(Effect.provide(NodeServices.layer)),
)

it.live("a daemon that the command leaves behind can go on writing, for it holds no pipe of the gateway's", () =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const file = `${yield* fs.makeTempDirectoryScoped()}/daemon`
    const daemon = `process.on("uncaughtException", (error) => { require("node:fs").writeFileSync(process.argv[1], String(error)); process.exit(1) })
      process.on("SIGUSR2", () => { for (let n = 0; n < 100; n++) console.log("x".repeat(10000)); console.error("still here"); require("node:fs").writeFileSync(process.argv[1], "wrote") })
      require("node:fs").writeFileSync(process.argv[1], String(process.pid)); setTimeout(() => {}, 60000)`
    // Detached, it is out of the command's process group, as daemons are.
    const script = `const child = require("node:child_process").spawn(process.execPath, ["-e", process.argv[2], process.argv[1]], { stdio: "inherit", detached: true })
      child.unref(); const wait = () => require("node:fs").existsSync(process.argv[1]) ? console.log("left it") : setTimeout(wait, 10); wait()`
    assert.include(yield* restart(node(script, file, daemon)), "left it")
    const pid = Number(yield* untilWritten(file))
    yield* Effect.addFinalizer(() => Effect.sync(() => process.kill(pid, "SIGKILL")))
    assert.isTrue(isAlive(pid))
    for (const descriptor of [1, 2]) {
      const target = readlinkSync(`/proc/${pid}/fd/${descriptor}`)
      assert.notMatch(target, /^(pipe|socket):/)
    }
    yield* fs.writeFileString(file, "")
    process.kill(pid, "SIGUSR2")
    assert.strictEqual(yield* untilWritten(file), "wrote")
    assert.isTrue(isAlive(pid))
  }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)),
)

it.live("the gateway's own settings are not handed on", () =>
  Effect.gen(function* () {
    process.env["AVIARY_ADMIN_TOKEN"] = "secret"
    const said = yield* restart(node(`console.log(process.env.AVIARY_ADMIN_TOKEN, typeof process.env.PATH)`)).pipe(
      Effect.ensuring(Effect.sync(() => delete process.env["AVIARY_ADMIN_TOKEN"])),
    )
    assert.include(said, "undefined string")
  }).pipe(Effect.provide(NodeServices.layer)),
)
