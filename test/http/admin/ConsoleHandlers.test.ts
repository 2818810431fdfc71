import { expect, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { Accounts } from "../../../src/billing/Accounts.ts"
import { startGateway } from "../../support/gateway.ts"

const adminToken = "an-admin-token-of-a-test"

const who = (url: string, token?: string, headers: Record<string, string> = {}) =>
  Effect.promise(async () => {
    const authorization: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` }
    const response = await fetch(`${url}/console/who`, { headers: { ...headers, ...authorization } })
    return ((await response.json()) as { readonly who: string }).who
  })

it.live("on the gateway's own machine, with open access, anybody may try it; only the admin token shows more", () =>
  Effect.gen(function* () {
    const { url } = yield* startGateway({ settings: { adminToken } })
    expect(yield* who(url)).toBe("guest")
    expect(yield* who(url, "anything")).toBe("guest")
    expect(yield* who(url, adminToken)).toBe("operator")
    expect(yield* who(url, adminToken.slice(1))).toBe("guest")
  }),
)

it.live("beyond loopback, or through a proxy, whoever brings nothing is a stranger", () =>
  Effect.gen(function* () {
    const beyond = yield* startGateway({ settings: { adminToken, host: "0.0.0.0", access: "open" } })
    expect(yield* who(beyond.url)).toBe("stranger")
    expect(yield* who(beyond.url, adminToken)).toBe("operator")
    const here = yield* startGateway({ settings: { adminToken } })
    for (const header of ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"]) {
      expect([header, yield* who(here.url, undefined, { [header]: "for=192.0.2.1" })]).toEqual([header, "stranger"])
    }
  }),
)

it.live("a key that is good is a way in, and a wrong one is not", () =>
  Effect.gen(function* () {
    const { services, url } = yield* startGateway({ settings: { adminToken, access: "keys" } })
    const accounts = yield* Accounts.pipe(Effect.provide(services))
    const { key, text } = yield* accounts.createKey({ accountId: "anonymous", name: "Test" })
    expect(yield* who(url)).toBe("stranger")
    expect(yield* who(url, Redacted.value(text))).toBe("client")
    expect(yield* who(url, "sk-aviary-wrong")).toBe("stranger")
    yield* accounts.revokeKey(key.id)
    expect(yield* who(url, Redacted.value(text))).toBe("stranger")
  }),
)
