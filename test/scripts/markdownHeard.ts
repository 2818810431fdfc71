/**
 * Speaks seeded random markdown documents and listens to them: none may be refused or broken off. Prints the word errors of their plain
 * words, and the worst documents.
 *
 *     node test/scripts/markdownHeard.ts [documents] [seed]
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect } from "effect"
import { startAviary } from "../support/aviary.ts"
import { hearDocument } from "../support/heardDocument.ts"
import { markdownDocuments } from "../support/markdownDocuments.ts"

const [count = "500", seed = "13"] = process.argv.slice(2)

const run = Effect.gen(function* () {
  const { url } = yield* startAviary(undefined)
  const documents = markdownDocuments(Number(seed), Number(count))
  let done = 0
  const heard = yield* Effect.forEach(
    documents,
    (document) =>
      Effect.map(
        Effect.promise(() => hearDocument(url, document)),
        (result) => {
          if (++done % 25 === 0) console.error(`${done} of ${count}`)
          return { document, ...result }
        },
      ),
    { concurrency: 2 },
  )
  const counted = (outcome: string) => heard.filter((one) => one.outcome === outcome).length
  const sum = (of: (one: (typeof heard)[number]) => number) => heard.reduce((total, one) => total + of(one), 0)
  const [wrong, all] = [sum(({ wrong }) => wrong), sum(({ words }) => words)]
  console.log(
    `${count} documents of seed ${seed}: ${counted("whole")} whole, ${counted("silence")} silences, ${counted("refused")} refused, ${counted("broken off")} broken off`,
  )
  console.log(`${wrong} of ${all} plain words wrong (${((100 * wrong) / all).toFixed(1)} %)`)
  for (const one of heard.toSorted((a, b) => b.wrong - a.wrong).slice(0, 8)) {
    console.log(`${one.wrong}/${one.words} ${JSON.stringify(one.document.text)} -> ${one.heard}`)
  }
})

await Effect.runPromise(Effect.scoped(run).pipe(Effect.provide(NodeServices.layer)))
process.exit(0)
