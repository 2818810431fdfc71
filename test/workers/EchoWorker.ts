import { Effect, Stream } from "effect"
import { threadId, workerData } from "node:worker_threads"
import { nativeCall } from "../../src/workers/NativeCalls.ts"
import { serve } from "../../src/workers/WorkerServer.ts"
import { EchoRpcs } from "./EchoRpcs.ts"

let made = 0
let interrupted = 0

serve(
  EchoRpcs,
  EchoRpcs.toLayer({
    ThreadId: () => Effect.succeed(threadId),
    Count: ({ to, size }) =>
      Stream.range(1, to).pipe(
        Stream.rechunk(1),
        Stream.map((n) => {
          made++
          return new Uint8Array(size).fill(n)
        }),
      ),
    Made: () => Effect.sync(() => made),
    Interrupted: () => Effect.sync(() => interrupted),
    Wait: () =>
      Stream.succeed("waiting" as const).pipe(
        Stream.concat(Stream.never),
        Stream.ensuring(Effect.sync(() => interrupted++)),
      ),
    Throw: () => Effect.die(new Error("a bug")),
    Refuse: () => Effect.fail("no" as const),
    Crash: () => Effect.sync(() => process.exit(7)),
    Spin: () =>
      Effect.sync(() => {
        for (;;);
      }),
    Native: () =>
      Effect.sync(() =>
        nativeCall(() => {
          const { gate } = workerData as { readonly gate: Int32Array }
          Atomics.store(gate, 2, 1)
          Atomics.notify(gate, 2)
          Atomics.wait(gate, 0, 0)
          Atomics.store(gate, 1, 1)
        }),
      ),
  }),
)
