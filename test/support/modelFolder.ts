import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, FileSystem, type Scope } from "effect"

/** Runs with an empty folder, which is gone afterwards. */
export const inFolder = <A, E>(run: (folder: string) => Effect.Effect<A, E, Scope.Scope>) =>
  Effect.flatMap(FileSystem.FileSystem, (fs) => fs.makeTempDirectoryScoped({ prefix: "aviary-model-" })).pipe(
    Effect.flatMap(run),
    Effect.scoped,
    Effect.provide(NodeServices.layer),
  )

/** What `find` complains of in a folder that `spoil` was done to, with the folder's own path left out. */
export const complaint = <E extends { readonly message: string }>(
  find: (folder: string) => Effect.Effect<unknown, E>,
  spoil: (folder: string) => unknown,
) =>
  inFolder((folder) => {
    spoil(folder)
    return Effect.map(Effect.flip(find(folder)), ({ message }) => message.replaceAll(folder, "DIR"))
  })
