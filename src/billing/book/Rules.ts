import type { Answer, OperationName, Question } from "../Operations.ts"
import type { Rule } from "./Statement.ts"

/** A rule for each of these operations. */
export type Rules<Names extends OperationName = OperationName> = {
  readonly [K in Names]: (input: Question<K>) => Rule<Answer<K>>
}
