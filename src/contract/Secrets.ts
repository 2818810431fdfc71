import { keyPrefix } from "../billing/ApiKey.ts"

/** What every admin token that a gateway makes begins with. One of an operator's own choice may look like anything. */
export const adminTokenPrefix = "aviary-admin-"

/** A character as it is, or percent-encoded however often. */
const written = (char: string) => `(?:${char}|%(?:25)*${char.charCodeAt(0).toString(16)})`

const prefixes = [keyPrefix, adminTokenPrefix].map((prefix) => ({
  prefix,
  pattern: new RegExp(`${[...prefix].map(written).join("")}(?:[\\w-]|%(?:25)*[0-9a-f]{2})+`, "gi"),
}))

/**
 * `text` with every API key and admin token in it cut down to what all of them begin with. For whatever a client wrote and
 * the gateway writes again: paths, names, ids. People put keys where ids belong.
 */
export const withoutSecrets = (text: string): string =>
  prefixes.reduce((safe, { prefix, pattern }) => safe.replace(pattern, `${prefix}…`), text)

export const holdsSecret = (text: string): boolean => withoutSecrets(text) !== text
