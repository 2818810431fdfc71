import { Console, Context, Effect, Layer, Logger, type LogLevel, References } from "effect"
import { Console as NodeConsole } from "node:console"
import { Writable } from "node:stream"
import { Settings } from "../Settings.ts"
import { makeLogOutput } from "./LogOutput.ts"

const levels = { debug: "Debug", info: "Info", warn: "Warn", error: "Error" } as const

/** Whether a value of logfmt needs no quotes; labels are words of ours, but for those of who embeds the gateway. */
const isPlain = /^[^\s"=]*$/
const isLabel = /^\w+$/

/**
 * `Logger.formatLogFmt`, word by word, in a third of the time: every request has such a line. What is seldom in one, such as a cause, is
 * left to it.
 */
export const formatLogFmt = Logger.make((line: Logger.Options<unknown>): string => {
  const { cause, date, fiber, logLevel, message } = line
  const [text, ...more] = Array.isArray(message) ? (message as ReadonlyArray<unknown>) : [message]
  const seldom = typeof text !== "string" || more.length > 0 || cause.reasons.length > 0
  if (seldom || fiber.getRef(References.CurrentLogSpans).length > 0) return Logger.formatLogFmt.log(line)
  let out = `timestamp=${date.toISOString()} level=${logLevel.toUpperCase()} fiber=#${fiber.id} message=${quoted(text)}`
  const annotations = fiber.getRef(References.CurrentLogAnnotations)
  for (const label of Object.keys(annotations)) {
    const value = annotations[label]
    if (!isLabel.test(label)) return Logger.formatLogFmt.log(line)
    if (typeof value === "string") out += ` ${label}=${quoted(value)}`
    else if (typeof value === "number") out += ` ${label}=${value}`
    else return Logger.formatLogFmt.log(line)
  }
  return out
})

const quoted = (text: string): string => (isPlain.test(text) ? text : JSON.stringify(text))

const formats = { json: Logger.formatJson, logfmt: formatLogFmt }

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
