// Prints what a gateway measures that has done nothing yet. Counters belong to a process, so this is one of its own.
import { Effect } from "effect"
import { startGateway } from "./gateway.ts"

const measured = Effect.gen(function* () {
  const { url } = yield* startGateway()
  return yield* Effect.promise(async () => (await fetch(`${url}/metrics`)).text())
})
process.stdout.write(await Effect.runPromise(Effect.scoped(measured)))
