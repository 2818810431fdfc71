#!/usr/bin/env -S MALLOC_ARENA_MAX=1 node --max-semi-space-size=4 --heap-growing-percent=20
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Runtime from "effect/Runtime"
import { run } from "./cli/Cli.ts"

NodeRuntime.runMain(run, {
  disableErrorReporting: true,
  // A stop that was asked for is no failure. The runtime's 130 is one to systemd and Kubernetes.
  teardown: (exit, onExit) => Runtime.defaultTeardown(exit, (code) => onExit(code === 130 ? 0 : code)),
})
