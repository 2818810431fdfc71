import { answerQuestions } from "../../workers/AnswerQuestions.ts"
import { readMarkdown } from "./Markdown.ts"

// A parser takes milliseconds for a page, and hundreds for what was made to take it long.
answerQuestions(
  ({ english, text }: { readonly text: string; readonly english: boolean }) => readMarkdown(text, english),
  () => {},
)
