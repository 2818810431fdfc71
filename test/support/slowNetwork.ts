import { Effect } from "effect"
import { spawn, spawnSync } from "node:child_process"

/** Loopback as a link of 80 Mbit/s with a real one's packets, in a network of its own. */
const link = "ip link set lo up mtu 1500 && tc qdisc add dev lo root tbf rate 80mbit burst 32kb latency 50ms"

/** Whoever is not root takes a user namespace along, where that is allowed. */
const asRoot = process.getuid?.() === 0
const unshare = asRoot ? ["--net"] : ["--net", "--user", "--map-root-user"]
const entered = asRoot ? ["--net"] : ["--net", "--user", "--preserve-credentials"]

/**
 * Whether tests on a slow link are left out: one takes Linux, iproute2 and the right to make a network, found out by making
 * it. A relay inside a test would be no stand-in: what is tested is what kernels do to bytes under way when one side closes.
 * Where `CI` is set they are never left out, so that a runner without the right fails instead of showing nothing.
 */
export const withoutNetworks =
  process.env["CI"] === undefined && spawnSync("unshare", [...unshare, "sh", "-c", link]).status !== 0

/** A slow network for as long as the scope is open: the command that runs another in it. */
export const slowNetwork = Effect.gen(function* () {
  const holder = yield* Effect.acquireRelease(
    Effect.callback<ReturnType<typeof spawn>>((resume) => {
      const child = spawn("unshare", [...unshare, "sh", "-c", `${link} && echo ready && exec cat`], {
        stdio: ["pipe", "pipe", "inherit"],
      })
      child.stdout.once("data", () => resume(Effect.succeed(child)))
      child.once("error", (error) => resume(Effect.die(error)))
      child.once("exit", (status) => resume(Effect.die(`no slow network: ${link} ended with ${status}`)))
    }),
    (child) => Effect.sync(() => child.kill()),
  )
  return ["nsenter", `--target=${holder.pid}`, ...entered, "--"]
})
