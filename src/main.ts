#!/usr/bin/env -S MALLOC_ARENA_MAX=1 node --max-semi-space-size=8 --heap-growing-percent=100 --no-allocation-site-pretenuring --invocation-count-for-turbofan=1000 --disable-sigusr1
import { announce } from "./cli/Announce.ts"

announce(process.argv.slice(2))

// Everything else takes its time to be read. Who waits has been told by then.
const { launch } = await import("./cli/Launch.ts")
launch()
