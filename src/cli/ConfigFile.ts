import { ConfigProvider, Effect, FileSystem } from "effect"
import { parseEnv } from "node:util"
import { parse as parseToml, TomlError } from "smol-toml"
import type { Source } from "../SettingSources.ts"
import { SettingsError, table } from "../Settings.ts"

const settings: ReadonlySet<string> = new Set(Object.values(table).map(({ name }) => name))

const prefix = "AVIARY"

type Written = Record<string, string>

const nameOf = (before: string, key: string): string => {
  const name = key.toUpperCase().replaceAll("-", "_")
  return name.startsWith(`${prefix}_`) ? name : `${before}_${name}`
}

/** A list is written with commas, but for a command, whose words may hold some. */
const listed = (name: string, values: ReadonlyArray<unknown>): string =>
  name.endsWith("_RESTART") ? `command:${JSON.stringify(values)}` : values.map(String).join(",")

/**
 * The line that a setting is on. Of TOML what stands in texts of several lines is not told apart, which could at worst name a wrong
 * line in a message.
 */
const linesOf = (path: string, text: string): ReadonlyMap<string, number> => {
  const isToml = path.endsWith(".toml")
  const found = new Map<string, number>()
  let before = prefix
  const note = (keys: string, line: number, from: string) => {
    const names = keys.split(".").map((key) => key.trim().replace(/^["'](.*)["']$/, "$1"))
    const steps = names.map((_, at) => names.slice(0, at + 1).reduce(nameOf, from))
    for (const name of steps) if (!found.has(name)) found.set(name, line)
    return steps.at(-1)!
  }
  for (const [index, line] of text.split("\n").entries()) {
    const header = isToml ? /^\s*\[([^[\]]+)\]/.exec(line)?.[1] : undefined
    const key = /^\s*(?:export\s+)?([\w."'-]+)\s*=/.exec(line)?.[1]
    if (header !== undefined) before = note(header, index + 1, prefix)
    else if (key !== undefined && isToml) note(key, index + 1, before)
    else if (key !== undefined) found.set(key, index + 1)
  }
  return found
}

const isTable = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date)

/** Tables of TOML as the variables they stand for: `url` of `[magpie]` is `AVIARY_MAGPIE_URL`. What is JSON there is a table here. */
const flatten = (tables: Record<string, unknown>, before = prefix): Written =>
  Object.entries(tables).reduce<Written>((found, [key, value]) => {
    const name = nameOf(before, key)
    if (isTable(value) && !settings.has(name)) return { ...found, ...flatten(value, name) }
    const text = isTable(value) ? JSON.stringify(value) : Array.isArray(value) ? listed(name, value) : String(value)
    return { ...found, [name]: text }
  }, {})

const parse = (path: string, text: string): Written =>
  path.endsWith(".toml") ? flatten(parseToml(text)) : (parseEnv(text) as Written)

/** The settings of a file: TOML where its name ends so, otherwise lines of `NAME=value`. */
export const readConfigFile = Effect.fnUntraced(function* (path: string) {
  const fs = yield* FileSystem.FileSystem
  const text = yield* Effect.mapError(
    fs.readFileString(path),
    (error) => new SettingsError({ message: `The settings cannot be read from ${path} (${error.reason._tag}).` }),
  )
  const written = yield* Effect.try({
    try: () => parse(path, text),
    catch: (error) =>
      new SettingsError({
        message: `${path}${error instanceof TomlError ? `, line ${error.line},` : ""} is not valid TOML: ${String(error instanceof Error ? error.message : error).split("\n", 1)[0]}`,
      }),
  })
  const lines = linesOf(path, text)
  return {
    origin: path,
    provider: ConfigProvider.fromUnknown(written),
    lineOf: (name) => lines.get(name),
  } satisfies Source
})
