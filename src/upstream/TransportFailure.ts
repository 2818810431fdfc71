import { EngineCut, type EngineFailure, EngineMalformed, EngineTimedOut, EngineUnreachable } from "./EngineFailure.ts"

interface Coded {
  readonly code?: unknown
  readonly name?: unknown
  readonly message?: unknown
  readonly cause?: unknown
  readonly errors?: unknown
}

// The innermost error names the system call; undici and Effect wrap it, and a dual-stack connect wraps one per address.
const codesOf = (error: unknown): ReadonlyArray<string> => {
  if (typeof error !== "object" || error === null) return []
  const { cause, code, errors } = error as Coded
  const inner = Array.isArray(errors) ? errors.flatMap(codesOf) : []
  return [...(typeof code === "string" ? [code] : []), ...inner, ...codesOf(cause)]
}

const textOf = (error: unknown): string => {
  if (typeof error !== "object" || error === null) return String(error)
  const { cause, errors, message } = error as Coded
  if (typeof message === "string" && message !== "") return message
  return cause === undefined ? (Array.isArray(errors) ? errors.map(textOf).join("; ") : "unknown error") : textOf(cause)
}

// The peer speaks something else than HTTP. undici leaves its parser's code out where it throws for an end of input.
const isBadHttp = (error: unknown): boolean => {
  if (typeof error !== "object" || error === null) return false
  const { cause, code, name } = error as Coded
  if (name === "HTTPParserError") return !textOf(error).includes("EOF state")
  return code === "UND_ERR_HEADERS_OVERFLOW" || isBadHttp(cause)
}

/**
 * What a failed exchange of bytes means.
 *
 * @param began whether the answer's head had arrived: a reset before it is an unreachable engine, after it a cut
 * @param connectMillis the connect clock, for the message of its running out
 */
export const transportFailure = (error: unknown, began: boolean, connectMillis: number): EngineFailure => {
  const codes = codesOf(error)
  if (codes.includes("UND_ERR_CONNECT_TIMEOUT"))
    return new EngineTimedOut({ phase: "connect", afterMillis: connectMillis })
  if (isBadHttp(error)) return new EngineMalformed({ message: `not HTTP: ${textOf(error)}` })
  const message = [textOf(error), ...codes.slice(-1).map((code) => `(${code})`)].join(" ")
  return began ? new EngineCut({ message }) : new EngineUnreachable({ message })
}
