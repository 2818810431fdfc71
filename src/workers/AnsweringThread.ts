import { Effect, Exit, type Scope } from "effect"
import type { Worker } from "node:worker_threads"
import { startThread } from "./Thread.ts"
import { WorkerLost } from "./WorkerPool.ts"

/** What a thread says to a question: see `answerQuestions`. */
export type Reply<Answer> = { readonly answer: Answer } | { readonly threw: string }

/**
 * A thread that answers questions one after the other, in their order. Both are plain data, which cross as they are: a tenth of what a
 * call of a `WorkerPool` costs.
 *
 * - `ask`: fails where the thread ends, cannot start, or does not answer within its patience. What it was asked may have been done.
 *   One that still has not answered after as long again is stopped. The next question starts another thread.
 * - `await`: the same for what may take as long as it likes
 * - `post`: as `ask`, for whoever is no effect: `done` is told what became of it
 */
export interface AnsweringThread<Question, Answer> {
  readonly ask: (question: Question) => Effect.Effect<Answer, WorkerLost>
  readonly await: (question: Question) => Effect.Effect<Answer, WorkerLost>
  readonly post: (question: Question, done: (exit: Exit.Exit<Answer, WorkerLost>) => void) => void
}

interface Options {
  readonly url: URL
  readonly workerData: object
  readonly patienceMillis: number
}

/** How long a thread may take to close what it has open. */
const closingMillis = 5_000

/** `since` in milliseconds; absent where it may take as long as it likes. */
interface Waiting<Answer> {
  readonly since: number | undefined
  /** Undefined once nobody waits for it any more. */
  resume: ((exit: Exit.Exit<Answer, WorkerLost>) => void) | undefined
}

const lost = (message: string) => Exit.fail(new WorkerLost({ message }))

/** One life of a thread. */
const live = <Question, Answer>({ url, workerData, patienceMillis }: Options, onEnd: () => void) => {
  const waiting: Array<Waiting<Answer>> = []
  const thread: Worker = startThread(url, workerData)
  let why = "the thread has ended"

  const ended = new Promise<void>((resolve) => {
    thread.on("error", (error) => {
      why = error instanceof Error ? error.message : String(error)
    })
    thread.once("exit", () => {
      onEnd()
      for (const one of waiting.splice(0)) one.resume?.(lost(why))
      resolve()
    })
  })

  const passed = ({ since }: Waiting<Answer>) => (since === undefined ? 0 : performance.now() - since)

  // They are answered in their order, so the first has waited the longest.
  const check = (): number => {
    for (const one of waiting) {
      if (passed(one) < patienceMillis) break
      one.resume?.(lost("the thread did not answer in time"))
      one.resume = undefined
    }
    const [first] = waiting
    if (first === undefined) return patienceMillis
    if (passed(first) >= 2 * patienceMillis) void thread.terminate()
    return patienceMillis - (passed(first) % patienceMillis)
  }

  thread.on("message", (reply: Reply<Answer>) => {
    const one = waiting.shift()
    one?.resume?.("answer" in reply ? Exit.succeed(reply.answer) : lost(reply.threw))
  })

  return {
    ask: (question: Question, isHurried: boolean, resume: Waiting<Answer>["resume"]): Waiting<Answer> => {
      const one: Waiting<Answer> = { since: isHurried ? performance.now() : undefined, resume }
      thread.postMessage({ question })
      waiting.push(one)
      return one
    },
    /** Ends who has waited too long; answers in how many milliseconds it is to be run again. */
    check,
    /** One that is at work is ended in the middle of it; an idle one closes in peace. */
    close: Effect.suspend(() => {
      const stop = () => Effect.promise(() => thread.terminate())
      if (waiting.length > 0) return stop()
      thread.postMessage("close")
      return Effect.timeoutOrElse(
        Effect.promise(() => ended),
        { duration: closingMillis, orElse: stop },
      )
    }),
  }
}

/** Started with the first question; ended with the scope. */
export const make = Effect.fnUntraced(function* <Question, Answer>(
  options: Options,
): Effect.fn.Return<AnsweringThread<Question, Answer>, never, Scope.Scope> {
  let current: ReturnType<typeof live<Question, Answer>> | undefined
  let closed = false
  const started = () => {
    const one = live<Question, Answer>(options, () => {
      if (current === one) current = undefined
    })
    return one
  }
  yield* Effect.addFinalizer(() => {
    closed = true
    return current?.close ?? Effect.void
  })
  yield* Effect.suspend(() => Effect.sleep(current?.check() ?? options.patienceMillis)).pipe(
    Effect.forever,
    Effect.forkScoped,
  )
  const ask = (question: Question, isHurried: boolean) =>
    Effect.callback<Answer, WorkerLost>((resume) => {
      if (closed) return resume(lost("the thread was closed"))
      const one = (current ??= started()).ask(question, isHurried, resume)
      return Effect.sync(() => {
        one.resume = undefined
      })
    })
  return {
    ask: (question) => ask(question, true),
    await: (question) => ask(question, false),
    post: (question, done) => {
      if (closed) done(lost("the thread was closed"))
      else (current ??= started()).ask(question, true, done)
    },
  }
})
