import { Option, Schema } from "effect"

/** Bytes of an engine's error answer that are read; the rest is left on the wire. */
export const errorBodyLimit = 4_096

const Issue = Schema.Struct({
  msg: Schema.String,
  loc: Schema.optionalKey(Schema.Array(Schema.Union([Schema.String, Schema.Finite]))),
})
const Message = Schema.Struct({ message: Schema.String })

// FastAPI (string or list of issues), the open-source Parakeet servers (string `error`), OpenAI's envelope, LLM NIMs.
const Shape = Schema.Union([
  Schema.Struct({ detail: Schema.String }),
  Schema.Struct({ detail: Schema.NonEmptyArray(Issue) }),
  Schema.Struct({ detail: Message }),
  Schema.Struct({ error: Schema.String }),
  Schema.Struct({ error: Message }),
  Message,
])
const decode = Schema.decodeUnknownOption(Schema.fromJsonString(Shape))

const issueText = ({ loc, msg }: typeof Issue.Type) => (loc === undefined ? msg : `${loc.join(".")}: ${msg}`)

const shapeText = (shape: typeof Shape.Type): string => {
  if ("message" in shape) return shape.message
  const said = "detail" in shape ? shape.detail : shape.error
  if (typeof said === "string") return said
  return "message" in said ? said.message : said.map(issueText).join("; ")
}

const strip = (html: string) =>
  html.replaceAll(/<(script|style|head)\b[\s\S]*?(<\/\1>|$)/gi, " ").replaceAll(/<[^>]*>?/g, " ")

const oneLine = (text: string) => {
  const line = text.replaceAll(/[\s\p{Cc}]+/gu, " ").trim()
  return line.length > 300 ? `${line.slice(0, 299)}…` : line
}

/**
 * What an engine's error answer says, as one line of at most 300 characters: from FastAPI's `detail`, an `error` that is
 * text or an object, HTML, or plain text. Empty when it says nothing.
 */
export const errorBodyMessage = (body: string): string => {
  const shape = decode(body)
  if (Option.isSome(shape)) return oneLine(shapeText(shape.value))
  return oneLine(/^\s*(<!doctype|<html|<\?xml)/i.test(body) ? titleOf(body) : body)
}

// An error page's title ("502 Bad Gateway") says more in less than its body, if there is one.
const titleOf = (html: string) => /<title[^>]*>([^<]+)/i.exec(html)?.[1] ?? strip(html)
