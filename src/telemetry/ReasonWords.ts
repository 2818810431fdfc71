import { withoutSecrets } from "./Secrets.ts"

/**
 * What the log says of an error that carries a tagged reason: without this it would say the error's name and nothing.
 * The reason's own message and the figures it holds, without the body that an engine's message was taken from, and without
 * a key that a client put where a name belongs: traces show this, too.
 */
export const reasonWords = (reason: { readonly _tag: string; readonly message?: string }): string =>
  withoutSecrets(wordsOf(reason))

const wordsOf = (reason: { readonly _tag: string; readonly message?: string }): string => {
  const { _tag, message = "", ...rest } = reason
  const figures = Object.entries(rest)
    .filter(
      ([name, value]) => name !== "body" && ["string", "number", "boolean"].includes(typeof value) && value !== "",
    )
    .map(([name, value]) => `${name} ${String(value)}`)
    .join(", ")
  if (message === "") return figures === "" ? _tag : `${_tag}: ${figures}`
  return figures === "" ? `${_tag}: ${message}` : `${_tag}: ${message} (${figures})`
}
