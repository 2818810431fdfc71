#!/usr/bin/env -S MALLOC_ARENA_MAX=1 node --max-semi-space-size=8 --heap-growing-percent=100 --no-allocation-site-pretenuring --invocation-count-for-turbofan=1000 --disable-sigusr1
import { setFlagsFromString } from "node:v8"
import { announce } from "./cli/Announce.ts"

// The size above is for the main thread, which has it by now. Threads have one of their own (`workers/Thread.ts`), before which V8 would prefer it.
setFlagsFromString("--max-semi-space-size=0")

announce(process.argv.slice(2))

// Everything else takes its time to be read. Who waits has been told by then.
const { launch } = await import("./cli/Launch.ts")
launch()
