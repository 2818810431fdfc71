import { parentPort } from "node:worker_threads"
import type { Reply } from "./AnsweringThread.ts"

/**
 * Makes this thread answer questions, until its owner closes it. The last line of a worker's own file.
 *
 * @param close run at the end, unless the thread is stopped
 */
export const answerQuestions = <Question, Answer>(answer: (question: Question) => Answer, close: () => void): void => {
  const port = parentPort!
  const replyTo = (question: Question): Reply<Answer> => {
    try {
      return { answer: answer(question) }
    } catch (error) {
      return { threw: error instanceof Error ? error.message : String(error) }
    }
  }
  port.on("message", (message: { readonly question: Question } | "close") => {
    if (message !== "close") return port.postMessage(replyTo(message.question))
    close()
    port.close()
  })
}
