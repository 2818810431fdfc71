import { Effect, Stream } from "effect"
import type { Recording } from "../audio/Recording.ts"
import type { Settings } from "../Settings.ts"
import { inItsProtocol } from "./AskedProtocol.ts"
import type { EngineAddress } from "./EngineAddress.ts"
import type { Listening } from "./Listening.ts"
import { makeParakeetNim } from "./ParakeetNim.ts"
import { makeParakeetOpenAi } from "./ParakeetOpenAi.ts"

/**
 * What `ParakeetClient` promises, from the server at an address, in whichever protocol it speaks. Until a server has been reached that
 * is to be asked, it passes for a NIM.
 */
export const makeParakeetAt = Effect.fnUntraced(function* (address: EngineAddress, settings: Settings["Service"]) {
  const nim = yield* makeParakeetNim(address, settings)
  const openai = yield* makeParakeetOpenAi(address, settings)
  const { client, known, protocol } = yield* inItsProtocol("parakeet", address, settings, { nim, openai })
  return {
    get protocol() {
      return protocol()
    },
    get model() {
      return known().model
    },
    language: (asked?: string) => known().language(asked),
    get abilities() {
      return known().abilities
    },
    transcribe: (recording: Recording, asked?: Listening) =>
      Stream.unwrap(Effect.map(client, (one) => one.transcribe(recording, asked))),
    ready: Effect.flatMap(client, ({ ready }) => ready),
  }
})
