import { Console, Effect, FileSystem, Layer } from "effect"
import { Command, Flag } from "effect/cli"
import { AudioDecoder } from "../audio/AudioDecoder.ts"
import { Flite } from "../embedded/Flite.ts"
import { Moonshine } from "../embedded/Moonshine.ts"
import { nimEnginesEmbedded } from "../nim/NimEnginesEmbedded.ts"
import { NimFaults } from "../nim/NimFaults.ts"
import { makeScratchFolder } from "../scratch/ScratchFolder.ts"
import { NimServer, type NimServerOptions } from "../nim/NimServer.ts"
import { checkNames } from "../Settings.ts"

const decoder = Layer.unwrap(
  Effect.map(
    Effect.flatMap(FileSystem.FileSystem, (fs) => fs.makeTempDirectoryScoped({ prefix: "aviary-nim-" })).pipe(
      Effect.flatMap(makeScratchFolder),
    ),
    (scratch) => AudioDecoder.layer({ scratch }),
  ),
)

/** A NIM over the embedded engines. */
export const nimLayer = (options: NimServerOptions) =>
  NimServer.layer(options).pipe(
    Layer.provide(nimEnginesEmbedded),
    Layer.provide([Flite.layer, Moonshine.layer, decoder]),
    Layer.provide(NimFaults.layer),
  )

const startBlock = (url: URL, { faults, serve }: NimServerOptions) => {
  const base = url.origin
  const speaks = serve !== "parakeet"
  const listens = serve !== "magpie"
  return [
    "",
    `  A NIM is listening on ${base}, with Flite and Moonshine in place of Magpie and Parakeet: English only.`,
    "",
    ...(speaks ? [`    AVIARY_MAGPIE_URL=${base}`] : []),
    ...(listens ? [`    AVIARY_PARAKEET_URL=${base} AVIARY_PARAKEET_MODEL=moonshine-base`] : []),
    ...(faults
      ? ["", `  Faults can be switched on at ${base}/faults, from this machine alone; docs/nim.md lists them.`]
      : []),
    "",
  ].join("\n")
}

const flags = {
  host: Flag.String("host").pipe(Flag.withDefault("127.0.0.1"), Flag.withDescription("Address to listen on")),
  port: Flag.Int("port").pipe(
    Flag.filter(
      (port) => port >= 0 && port <= 65_535,
      () => "a port number from 0 to 65535",
    ),
    Flag.withDefault(9_000),
    Flag.withDescription("Port to listen on; 0 takes a free one"),
  ),
  serve: Flag.Literals("serve", ["both", "magpie", "parakeet"]).pipe(
    Flag.withDefault("both" as const),
    Flag.withDescription("Which NIM to be"),
  ),
  realTime: Flag.Boolean("real-time").pipe(
    Flag.withDefault(false),
    Flag.withDescription("Speak no faster than it is heard"),
  ),
  faults: Flag.Boolean("faults").pipe(
    Flag.withDefault(false),
    Flag.withDescription("Offer /faults, where this machine can make it fail"),
  ),
}

/** `aviary nim` */
export const nim = Command.make("nim", flags, (options) =>
  Effect.gen(function* () {
    yield* checkNames
    const { url } = yield* NimServer
    yield* Console.log(startBlock(url, options))
    return yield* Effect.never
  }).pipe(Effect.provide(nimLayer(options))),
).pipe(
  Command.withDescription(
    "Serve the embedded engines over the HTTP protocol of NVIDIA's speech NIMs, to try a gateway against without a GPU.",
  ),
)
