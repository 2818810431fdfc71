import { Effect, Stream } from "effect"
import type { Recording } from "../audio/Recording.ts"
import type { Settings } from "../Settings.ts"
import { askProtocol } from "./AskedProtocol.ts"
import type { EngineAddress } from "./EngineAddress.ts"
import { errorOf } from "./EngineError.ts"
import type { Listening } from "./Listening.ts"
import { makeParakeetNim } from "./ParakeetNim.ts"
import { makeParakeetOpenAi } from "./ParakeetOpenAi.ts"

/**
 * What `ParakeetClient` promises, from the server at an address, in whichever protocol it speaks. Until a server has been reached that
 * is to be asked, it passes for a NIM.
 */
export const makeParakeetAt = Effect.fnUntraced(function* (address: EngineAddress, settings: Settings["Service"]) {
  const nim = yield* makeParakeetNim(address, settings)
  const openAi = yield* makeParakeetOpenAi(address, settings)
  const { decide, found, settle } = yield* askProtocol(address, settings)
  const known = () => (found() === "openai" ? openAi : nim)
  const client = Effect.map(Effect.mapError(decide, errorOf("parakeet")), known)
  yield* settle((protocol) => (protocol === "openai" ? openAi.learned : Effect.void))
  return {
    get protocol() {
      return found()
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
