import { Effect } from "effect"
import { notSent } from "../client/AdminCallError.ts"
import type { Client } from "./AdminCommand.ts"

interface Named {
  readonly id: string
  readonly name: string
}

/** Digits of an id that a table shows: as many as make it another's, and at least these. */
const shownDigits = 8

const prefixOf = (id: string) => id.slice(0, id.indexOf("_") + 1)

/** An id, or the key of a speech; not `anonymous`. */
const isLong = /^([a-z]+_)?[0-9a-f-]{36,64}$/

/** The beginnings by which a table tells ids apart. Commands take them for the ids. */
export const shortIds = (ids: ReadonlyArray<string>, digits = shownDigits): ((id: string) => string) => {
  const begins = (length: number) => (id: string) => (isLong.test(id) ? id.slice(0, prefixOf(id).length + length) : id)
  for (let length = digits; length < 64; length++) {
    if (new Set(ids.map(begins(length))).size === new Set(ids).size) return begins(length)
  }
  return (id) => id
}

/** The name that goes with an id. */
export type NameOf = (id: string | null) => string | null

/** Names of `what`; an id that is not among it stays as it is. */
export const namesOf = (what: ReadonlyArray<Named>): NameOf => {
  const names = new Map(what.map(({ id, name }) => [id, name]))
  return (id) => (id === null ? null : (names.get(id) ?? id))
}

const whole = /^[a-z]+_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/**
 * The id of which `given` is the beginning, or whose name it is. What nothing goes by is left for the gateway to refuse;
 * what several go by is an `AdminCallError`.
 */
const resolve = Effect.fnUntraced(function* <E>(
  given: string,
  listed: Effect.Effect<ReadonlyArray<Named>, E>,
  what: string,
) {
  if (whole.test(given)) return given
  const all = yield* listed
  if (all.some(({ id }) => id === given)) return given
  const begun = (id: string) => given.length > prefixOf(id).length && id.startsWith(given)
  const found = all.filter(({ id, name }) => name === given || begun(id))
  const [one, other] = found
  if (one === undefined) return given
  if (other === undefined) return one.id
  const ids = found.slice(0, 5).map(({ id }) => id)
  const more = found.length > ids.length ? ", …" : ""
  return yield* notSent(
    "ambiguous",
    `Several ${what} go by \`${given}\`: ${ids.join(", ")}${more}. Give more of the id.`,
  )
})

export const accountOf = ({ adminAccounts }: Client, given: string) =>
  resolve(
    given,
    Effect.map(adminAccounts.list(), ({ accounts }) => accounts),
    "accounts",
  )

export const keyOf = ({ adminKeys }: Client, given: string) =>
  resolve(
    given,
    Effect.map(adminKeys.list({ query: {} }), ({ keys }) => keys),
    "keys",
  )
