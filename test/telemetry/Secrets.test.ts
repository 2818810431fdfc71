import { describe, expect, it } from "vitest"
import { holdsSecret, keepSecret, withoutSecrets } from "../../src/telemetry/Secrets.ts"

const key = "sk-aviary-uH4_tZ-cQ0yGmB1nF8dLr2KxWvPj5sEaT7oYiC3bN6k"
const token = "aviary-admin-uH4_tZ-cQ0yGmB1nF8dLr2KxWvPj5sEaT7oYiC3bN6k"

/** Every character percent-encoded, as some clients do, and then `%` itself, as proxies do. */
const encoded = (text: string, times: number) =>
  Array.from({ length: times - 1 }).reduce<string>(
    (before) => before.replaceAll("%", "%25"),
    Buffer.from(text).toString("hex").replace(/../g, "%$&"),
  )

describe.each([
  ["a key", key, "sk-aviary-…"],
  ["an admin token", token, "aviary-admin-…"],
])("%s", (_, secret, shown) => {
  it.each([
    secret,
    secret.replaceAll("-", "%2D"),
    secret.replaceAll("-", "%2d"),
    secret.replaceAll("-", "%252D"),
    encoded(secret, 1),
    encoded(secret, 3),
    secret.toUpperCase(),
  ])("is cut out of a path as %s", (written) => {
    expect(withoutSecrets(`/admin/keys/${written}/more`)).toBe(`/admin/keys/${shown}/more`)
    expect(holdsSecret(`/admin/keys/${written}`)).toBe(true)
  })

  it("is cut out wherever it stands, however often, and once is enough", () => {
    const said = `There is no key \`${secret}\`, nor "${secret}".`
    expect(withoutSecrets(said)).toBe(`There is no key \`${shown}\`, nor "${shown}".`)
    expect(withoutSecrets(withoutSecrets(said))).toBe(withoutSecrets(said))
  })
})

it.each(["", "/v1/models", "/%zz", "key_1", "`sk-aviary-…`", "sk-proj-other", "/v1/%25%32%35", "aviary-admin-"])(
  "leaves %j as it is",
  (text) => {
    expect([withoutSecrets(text), holdsSecret(text)]).toEqual([text, false])
  },
)

it("cuts out a token of an operator's own choice too, once it is known, whatever it is made of", () => {
  const own = "c0rrect (h.rse)+ [b*ttery] 100%?"
  const path = `/admin/keys/${own}/more`
  expect(withoutSecrets(path)).toBe(path)
  for (const _ of ["once", "again"]) keepSecret(own)
  for (const spelled of [own, encodeURIComponent(own), encoded(own, 1), encoded(own, 3), own.toUpperCase()]) {
    expect(withoutSecrets(`/admin/keys/${spelled}/more`)).toBe("/admin/keys/…/more")
  }
  expect(holdsSecret("c0rrect hrse bttery 100")).toBe(false)
})

it("takes no longer for text made to be slow", () => {
  const began = performance.now()
  for (const hostile of ["%25".repeat(50_000), `%${"25".repeat(50_000)}`, `sk-aviary-${"%25".repeat(50_000)}!`]) {
    withoutSecrets(hostile)
  }
  expect(performance.now() - began).toBeLessThan(1_000)
})
