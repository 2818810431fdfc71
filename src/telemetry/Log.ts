import { Effect, Layer, Logger, References } from "effect"
import { Settings } from "../Settings.ts"

const levels = { debug: "Debug", info: "Info", warn: "Warn", error: "Error" } as const
const loggers = { pretty: Logger.consolePretty(), json: Logger.consoleJson, logfmt: Logger.consoleLogFmt }

/** Where log lines go and how they look. One line on standard output each, unless `pretty`. */
export const layer = Layer.unwrap(
  Effect.map(Settings, ({ logFormat, logLevel }) =>
    Layer.merge(Logger.layer([loggers[logFormat]]), Layer.succeed(References.MinimumLogLevel, levels[logLevel])),
  ),
)
