/** What every API key begins with. */
export const keyPrefix = "sk-aviary-"

/** What every admin token that a gateway makes begins with. One of an operator's own choice may look like anything. */
export const adminTokenPrefix = "aviary-admin-"

/** ASCII text, each character as it is or percent-encoded however often. */
const spelled = (text: string) =>
  Buffer.from(text)
    .toString("hex")
    .replace(/../g, (hex) => `(?:\\x${hex}|%(?:25)*${hex})`)

/** How secrets look, and what is shown in their place; by the text that they are known by, in lower case. */
const hidden = new Map(
  [keyPrefix, adminTokenPrefix].map((prefix) => [
    prefix,
    { pattern: new RegExp(`${spelled(prefix)}(?:[\\w-]|%(?:25)*[0-9a-f]{2})+`, "gi"), shown: `${prefix}…` },
  ]),
)

/**
 * Hides `secret`, printable ASCII, as well: an operator's own admin token has no prefix to be known by. For as long as the
 * process lasts, since where errors are made and paths are logged nobody knows whose gateway it is.
 */
export const keepSecret = (secret: string): void => {
  const known = secret.toLowerCase()
  if (!hidden.has(known)) hidden.set(known, { pattern: new RegExp(spelled(secret), "gi"), shown: "…" })
}

/** Whether a secret may be in `text`, which is asked several times a request: a search for what is spelled as it is costs a fraction. */
const mayHold = (text: string): boolean => {
  if (text.includes("%")) return true
  const lower = text.toLowerCase()
  for (const known of hidden.keys()) if (lower.includes(known)) return true
  return false
}

/**
 * `text` with every API key and admin token in it cut down to what all of them begin with. For whatever a client wrote and
 * the gateway writes again: paths, names, ids. People put keys where ids belong.
 */
export const withoutSecrets = (text: string): string => {
  if (!mayHold(text)) return text
  let safe = text
  for (const { pattern, shown } of hidden.values()) safe = safe.replace(pattern, shown)
  return safe
}

export const holdsSecret = (text: string): boolean => withoutSecrets(text) !== text
