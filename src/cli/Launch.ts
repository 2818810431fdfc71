import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Runtime from "effect/Runtime"
import { run } from "./Cli.ts"
import { heedSignals } from "./StopSignals.ts"

/** Does what the command line says, until that is done or a signal stops it. */
export const launch = (): void => {
  heedSignals()
  NodeRuntime.runMain(run, {
    disableErrorReporting: true,
    // A stop that was asked for is no failure. The runtime's 130 is one to systemd and Kubernetes.
    teardown: (exit, onExit) => Runtime.defaultTeardown(exit, (code) => onExit(code === 130 ? 0 : code)),
  })
}
