import { workerData } from "node:worker_threads"
import { answerQuestions } from "../../workers/AnswerQuestions.ts"
import type { BillingReason } from "../BillingError.ts"
import {
  type LedgerAnswer,
  type LedgerQuestion,
  type LedgerWorkerData,
  openBook,
  sent,
  type SqliteBook,
  takeApart,
} from "./SqliteBook.ts"
import { reasonOf } from "./SqliteDialect.ts"

let book: SqliteBook | undefined

// At the first question rather than here: a thread that cannot start says nothing of why, and a ledger that could not be opened may open later.
const opened = (checked: boolean): { readonly book: SqliteBook } | { readonly reason: BillingReason } => {
  try {
    return { book: (book ??= openBook({ ...(workerData as LedgerWorkerData), checked })) }
  } catch (error) {
    return { reason: reasonOf(error) }
  }
}

const answer = (question: LedgerQuestion): LedgerAnswer => {
  // A group is asked for first only in a thread that replaces another.
  const ledger = opened("apply" in question)
  if ("reason" in ledger) return { cannotOpen: takeApart(ledger.reason) }
  if ("open" in question) return { answered: [], commits: 0, version: ledger.book.version() }
  const answered = ledger.book.apply(question.apply).map(sent)
  return { answered, commits: ledger.book.commits(), version: ledger.book.version() }
}

answerQuestions(answer, () => book?.close())
