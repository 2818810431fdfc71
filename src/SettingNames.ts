import { ConfigProvider, Effect } from "effect"
import { placeIn, sources } from "./SettingSources.ts"

/** How every setting's name begins. */
const prefix = "AVIARY"

/** Deeper than any name has underscores. */
const deepest = 12

/** Share of a name's own letters that may be wrong in a misspelling: with more a guess misleads. */
const mostWrong = 0.6

/** What Kubernetes tells every container of a Service called `aviary`, or `aviary-…`. Nobody wrote it. */
const serviceLink = /^AVIARY_(?:\w+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_\w+)?)$/

/** Whether a variable is Kubernetes' own. `AVIARY_PORT` is one in a pod beside such a Service, and no port of anybody's choice. */
export const isServiceLink = (name: string, value: string): boolean =>
  serviceLink.test(name) || (/^AVIARY_(?:\w+_)?PORT$/.test(name) && /^(?:tcp|udp|sctp):\/\//.test(value))

/**
 * One line about each variable in force that is meant as a setting and is none: its name begins as theirs do, in whatever
 * case, or is a setting's but for two slips. Unseen, `AVIARY_ACESS=keys` would let everybody in.
 */
export const unknownNames = Effect.fnUntraced(function* (known: ReadonlyArray<string>) {
  const inForce = yield* Effect.forEach(yield* sources, (source) =>
    Effect.map(Effect.provideService(variables, ConfigProvider.ConfigProvider, source.provider), (found) =>
      found.map((one) => ({ ...one, place: placeIn(source, one.name) })),
    ),
  )
  return inForce
    .flat()
    .filter(({ name, value }) => !known.includes(name) && !isServiceLink(name, value))
    .map(({ name, place }) => ({ name, place, ...nearest(name.toUpperCase(), known) }))
    .filter(({ name, slips }) => name.toUpperCase().startsWith(`${prefix}_`) || slips <= 2)
    .map(
      ({ name, place, setting, slips }) =>
        `${place}${name} is no setting. ${slips < (name.length - prefix.length - 1) * mostWrong ? `Did you mean ${setting}?` : "docs/configuration.md lists them all."}`,
    )
})

/** The variables that have a value and whose names begin about like a setting's. */
const variables = Effect.gen(function* () {
  const provider = yield* ConfigProvider.ConfigProvider
  const found: Array<{ readonly name: string; readonly value: string }> = []
  // The environment is cut into paths at each underscore, an object is not.
  const visit = (path: ReadonlyArray<string>): Effect.Effect<void, ConfigProvider.SourceError> =>
    Effect.flatMap(provider.load(path), (node) => {
      if (node === undefined || path.length > deepest) return Effect.void
      if (path.length > 0 && node.value !== undefined) found.push({ name: path.join("_"), value: node.value })
      if (node._tag === "Value") return Effect.void
      const keys = node._tag === "Record" ? [...node.keys] : [String(node.length - 1)]
      const like =
        path.length > 0 ? keys : keys.filter((key) => slipsBetween(key.split("_", 1)[0]!.toUpperCase(), prefix) <= 2)
      return Effect.forEach(like, (key) => visit([...path, key]), { discard: true })
    })
  yield* visit([])
  return found
})

const nearest = (name: string, known: ReadonlyArray<string>) =>
  known
    .map((setting) => ({ setting, slips: slipsBetween(name, setting) }))
    .reduce((best, one) => (one.slips < best.slips ? one : best))

/** Letters to add, leave out, change or swap with the next one to make `b` of `a`. */
const slipsBetween = (a: string, b: string): number => {
  let [before, row] = [[] as Array<number>, Array.from({ length: b.length + 1 }, (_, j) => j)]
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      next[j] = Math.min(
        row[j]! + 1,
        next[j - 1]! + 1,
        row[j - 1]! + (same ? 0 : 1),
        swapped ? before[j - 2]! + 1 : Number.POSITIVE_INFINITY,
      )
    }
    ;[before, row] = [row, next]
  }
  return row[b.length]!
}
