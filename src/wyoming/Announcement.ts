import { Bonjour } from "bonjour-service"
import { Effect } from "effect"

/** Tells the local network by multicast DNS that Wyoming is spoken here, so that Home Assistant finds it; taken back with the scope. */
export const announce = (port: number) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      // A network without multicast has nobody to tell.
      const bonjour = new Bonjour({}, () => {})
      bonjour.publish({ name: `Aviary ${port}`, type: "wyoming", protocol: "tcp", port })
      return bonjour
    }),
    (bonjour) =>
      Effect.callback<void>((resume) => {
        bonjour.unpublishAll(() => bonjour.destroy(() => resume(Effect.void)))
      }).pipe(Effect.timeoutOption("2 seconds")),
  )
