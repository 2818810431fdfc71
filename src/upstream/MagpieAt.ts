import { Effect, Stream } from "effect"
import type { Settings } from "../Settings.ts"
import { inItsProtocol } from "./AskedProtocol.ts"
import type { EngineAddress } from "./EngineAddress.ts"
import { makeMagpieNim } from "./MagpieNim.ts"
import { makeMagpieOpenAi } from "./MagpieOpenAi.ts"
import type { Utterance } from "./Utterance.ts"

/**
 * What `MagpieClient` promises, from the server at an address, in whichever protocol it speaks. Until a server has been reached that
 * is to be asked, it passes for a NIM.
 */
export const makeMagpieAt = Effect.fnUntraced(function* (address: EngineAddress, settings: Settings["Service"]) {
  const nim = yield* makeMagpieNim(address, settings)
  const openai = yield* makeMagpieOpenAi(address, settings)
  const { client, known, protocol } = yield* inItsProtocol("magpie", address, settings, { nim, openai })
  return {
    get protocol() {
      return protocol()
    },
    get model() {
      return known().model
    },
    get maxCharacters() {
      return known().maxCharacters
    },
    supportsSpeed: false,
    get supportsSsml() {
      return known() === nim
    },
    takesIpa: () => known() === nim,
    voices: Effect.flatMap(client, ({ voices }) => voices),
    synthesize: (utterance: Utterance) =>
      protocol() === undefined
        ? Stream.unwrap(Effect.map(client, (one) => one.synthesize(utterance)))
        : known().synthesize(utterance),
    ready: Effect.flatMap(client, ({ ready }) => ready),
  }
})
