import { workerData } from "node:worker_threads"
import { answerQuestions } from "../../src/workers/AnswerQuestions.ts"

/** What the thread of `AnsweringThread.test.ts` can be asked, and where it says that it was closed. */
export type Question = number | "throw" | "die" | "hang"
export interface Data {
  readonly closed: Int32Array<SharedArrayBuffer>
}

answerQuestions(
  (question: Question) => {
    if (question === "throw") throw new Error("a bug")
    if (question === "die") process.exit(7)
    if (question === "hang") for (;;);
    return question * 2
  },
  () => Atomics.store((workerData as Data).closed, 0, 1),
)
