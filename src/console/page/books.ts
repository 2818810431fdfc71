import type { Account } from "../../billing/Account.ts"
import type { ApiKey } from "../../billing/ApiKey.ts"
import type { Question } from "./parts.ts"

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
