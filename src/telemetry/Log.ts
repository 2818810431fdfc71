import { Console, Context, Effect, Layer, Logger, type LogLevel, References } from "effect"
import { Console as NodeConsole } from "node:console"
import { Writable } from "node:stream"
import { Settings } from "../Settings.ts"
import { makeLogOutput } from "./LogOutput.ts"

const levels = { debug: "Debug", info: "Info", warn: "Warn", error: "Error" } as const
const formats = { json: Logger.formatJson, logfmt: Logger.formatLogFmt }

/** The least severe level that is logged, where something else than the settings says so: a command line. */
export const Level = Context.Reference<LogLevel.LogLevel | undefined>("aviary/telemetry/Log/Level", {
  defaultValue: () => undefined,
})

/** Where log lines go and how they look. One line on standard output each, unless `pretty`. */
export const layer = Layer.unwrap(
  Effect.gen(function* () {
    const { logLevel, ...settings } = yield* Settings
    const logFormat = settings.logFormat ?? (process.stdout.isTTY ? "pretty" : "logfmt")
    const output = yield* makeLogOutput((dropped, code) =>
      Effect.provide(
        Effect.logWarning(`${dropped} log lines were dropped, since the log could not be written (${code}).`),
        looks,
      ),
    )
    const looks: Layer.Layer<never> =
      logFormat === "pretty"
        ? Layer.merge(Logger.layer([Logger.consolePretty()]), Layer.succeed(Console.Console, consoleOver(output.line)))
        : Logger.layer([Logger.map(formats[logFormat], output.line)])
    return Layer.merge(looks, Layer.succeed(References.MinimumLogLevel, (yield* Level) ?? levels[logLevel]))
  }),
)

/** A console that prints line by line: the pretty logger knows no other place to print to. */
const consoleOver = (line: (text: string) => void): Console.Console => {
  const stdout = new Writable({
    decodeStrings: false,
    write: (text: string | Uint8Array, _encoding, done) => {
      line(String(text).replace(/\n$/, ""))
      done()
    },
  })
  return new NodeConsole({ stdout, colorMode: process.stdout.isTTY })
}
