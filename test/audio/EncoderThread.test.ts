import { expect, it } from "vitest"
import { type Answer, startEncoderThread } from "../../src/audio/EncoderThread.ts"
import { workerUrl } from "../../src/workers/WorkerPool.ts"

const url = workerUrl("format/EncodeWorker", import.meta.resolve("../../src/audio/Encoders.ts"))
const options = { format: "wav", sampleRate: 24_000 } as const

it("a stream that is closed is neither counted nor answered any more", async () => {
  const thread = startEncoderThread(
    url,
    () => performance.now(),
    () => {},
  )
  const answers: Array<Answer> = []
  const closed = thread.open(options)
  const kept = thread.open(options)
  expect(thread.streams()).toBe(2)
  closed.encode(Int16Array.of(1), (answer) => answers.push(answer))
  closed.close()
  expect(thread.streams()).toBe(1)
  // Answered in the order of the calls, so that the other's would have come first.
  await new Promise<void>((resolve) => kept.flush(() => resolve()))
  expect(answers).toEqual([])
  await thread.stop()
})

it("says since when it has not answered, and answers what it has when it is stopped", async () => {
  let now = 100
  const lost: Array<string> = []
  const thread = startEncoderThread(
    url,
    () => now,
    (reason) => lost.push(reason),
  )
  expect(thread.waitingSince()).toBeUndefined()
  const stream = thread.open(options)
  const answered = new Promise<Answer>((resolve) => stream.encode(Int16Array.of(1), resolve))
  now = 200
  expect(thread.waitingSince()).toBe(100)
  await thread.stop()
  expect(await answered).toEqual({ lost: "it was stopped" })
  expect([lost, thread.streams(), thread.waitingSince()]).toEqual([["it was stopped"], 0, undefined])
  const late = await new Promise<Answer>((resolve) => stream.flush(resolve))
  expect(late).toEqual({ lost: "it was stopped" })
})
