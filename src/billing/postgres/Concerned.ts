import type { Asked, OperationName, Question } from "../Operations.ts"

/** Those that concern accounts which are not known beforehand, or all. They run alone: seldom, and briefly. */
const concernAll: ReadonlySet<OperationName> = new Set<OperationName>([
  "reap",
  "publishRates",
  "withdrawRates",
  "revokeKey",
  "prove",
])

/**
 * What a group of operations is about, which is locked before they read.
 *
 * @property all everything
 * @property accounts by name
 * @property holds whose accounts the database knows
 */
export interface Concerned {
  readonly all: boolean
  readonly accounts: ReadonlyArray<string>
  readonly holds: ReadonlyArray<string>
}

const accountOf = ({ name, input }: Asked): string | undefined => {
  const { accountId, id } = input as { readonly accountId?: string; readonly id?: string }
  return accountId ?? (["openAccount", "changeAccount", "changeAccountState"].includes(name) ? id : undefined)
}

const holdOf = ({ input }: Asked): string | undefined => (input as Partial<Question<"settle">>).holdId

export const concernedBy = (asked: ReadonlyArray<Asked>): Concerned => ({
  all: asked.some(({ name }) => concernAll.has(name)),
  accounts: [...new Set(asked.flatMap((one) => accountOf(one) ?? []))],
  holds: [...new Set(asked.flatMap((one) => (accountOf(one) === undefined ? (holdOf(one) ?? []) : [])))],
})

/**
 * The operations by account, each with its place in the group: those of one account keep their order, and do not depend on those of another.
 * `accounts` are those of the holds that the database knows. Where an answer is said to be out that is charged in the same group, all keep
 * their order: of what is delivered nobody says the account.
 */
export const byAccount = (
  asked: ReadonlyArray<Asked>,
  accounts: ReadonlyMap<string, string>,
): ReadonlyArray<ReadonlyArray<readonly [index: number, asked: Asked]>> => {
  const holds = new Set(asked.map(holdOf))
  const claims = asked.flatMap(({ input }) => (input as Partial<Question<"delivered">>).claims ?? [])
  if (claims.some((claim) => holds.has(claim))) return [asked.map((one, index) => [index, one] as const)]
  const reserved = new Map(
    asked.flatMap((one) => (one.name === "reserve" || one.name === "charge" ? [[holdOf(one)!, accountOf(one)!]] : [])),
  )
  const chains = new Map<string, Array<readonly [number, Asked]>>()
  asked.forEach((one, index) => {
    const hold = holdOf(one) ?? ""
    const account = accountOf(one) ?? accounts.get(hold) ?? reserved.get(hold) ?? ""
    const chain = chains.get(account) ?? []
    chain.push([index, one])
    chains.set(account, chain)
  })
  return [...chains.values()]
}
