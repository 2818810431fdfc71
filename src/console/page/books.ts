import type { Account } from "../../billing/Account.ts"
import type { ApiKey } from "../../billing/ApiKey.ts"
import type { Question } from "./parts.ts"
import { current } from "./session.ts"

/** What all parts of the page show. */
export interface Books {
  readonly currency: string
  readonly accounts: ReadonlyArray<Account>
  readonly keys: ReadonlyArray<ApiKey>
}

export interface BooksProps {
  readonly books: Books
  readonly again: () => void
  readonly ask: (question: Question) => void
}

/** The name of what has an id, with which people know it. */
export const named = (list: ReadonlyArray<{ readonly id: string; readonly name: string }>, id: string | null): string =>
  id === null ? "–" : (list.find((one) => one.id === id)?.name ?? id)

/** Accounts to choose from: apart where they share a name, and where keys are asked for, the one of requests without a key last. */
export const choices = (
  accounts: ReadonlyArray<Account>,
): ReadonlyArray<{ readonly value: string; readonly name: string }> => {
  const names = new Map<string, number>()
  for (const { name } of accounts) names.set(name, (names.get(name) ?? 0) + 1)
  const last = ({ id }: Account) => Number(current().access === "keys" && id === "anonymous")
  return accounts
    .toSorted((a, b) => last(a) - last(b))
    .map(({ id, name }) => ({ value: id, name: names.get(name) === 1 ? name : `${name} (${id.slice(0, 13)})` }))
}
