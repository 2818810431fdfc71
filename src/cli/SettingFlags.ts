import { ConfigProvider, Effect, FileSystem, Option } from "effect"
import { Flag } from "effect/cli"
import { OtherSources } from "../SettingSources.ts"
import { table } from "../Settings.ts"
import { readConfigFile } from "./ConfigFile.ts"

const setting = (
  flag: string,
  metavar: string,
  { meaning, name }: { readonly meaning: string; readonly name: string },
) => Flag.String(flag).pipe(Flag.withMetavar(metavar), Flag.withDescription(`${meaning} (${name})`), Flag.optional)

/** Settings that are said on the command line, and the file that has others. */
export const settingFlags = {
  config: Flag.String("config").pipe(
    Flag.withMetavar("file"),
    Flag.withDescription("Settings from this file, aviary.toml or .env; the environment wins over it"),
    Flag.optional,
  ),
  port: setting("port", "number", table.port),
  host: setting("host", "address", table.host),
  dataDir: setting("data-dir", "folder", table.dataDir),
}

/** The values of `settingFlags`. */
export interface SettingFlags {
  readonly config: Option.Option<string>
  readonly port: Option.Option<string>
  readonly host: Option.Option<string>
  readonly dataDir: Option.Option<string>
}

/** Runs `program` where a flag wins over the environment, and the environment over the file. */
export const withSettings = <A, E, R>({ config, ...flags }: SettingFlags, program: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const read = Option.map(config, readConfigFile)
    const file = Option.isSome(read) ? [yield* read.value] : []
    const said = (["port", "host", "dataDir"] as const).flatMap((name) =>
      Option.isSome(flags[name]) ? [[table[name].name, flags[name].value] as const] : [],
    )
    const stronger =
      said.length === 0 ? [] : [{ origin: "flag", provider: ConfigProvider.fromUnknown(Object.fromEntries(said)) }]
    const fs = yield* FileSystem.FileSystem
    const again = Option.map(Option.all({ path: config, read }), ({ path, read }) => ({
      path,
      read: Effect.provideService(read, FileSystem.FileSystem, fs),
    }))
    return yield* Effect.provideService(program, OtherSources, {
      stronger,
      weaker: file,
      file: Option.getOrUndefined(again),
    })
  })
