import type { EmbeddedError } from "../embedded/EmbeddedError.ts"
import { EngineCut, type EngineFailure, EngineRejected, EngineTimedOut } from "./EngineFailure.ts"

const rejected = (status: number, message: string): EngineFailure => new EngineRejected({ status, message, body: "" })

/** What a failure of an engine inside the gateway would be if the engine were a server. */
export const embeddedFailure = ({ reason }: EmbeddedError): EngineFailure => {
  switch (reason._tag) {
    case "NothingToSay":
      return rejected(400, "The embedded voice speaks English, and finds nothing in the text that has a sound.")
    case "NoSuchVoice":
      return rejected(400, `The embedded engine has no voice ${reason.voice}; it has ${reason.available.join(", ")}.`)
    case "EnglishOnly":
      return rejected(
        400,
        `The embedded engine knows English only, not ${reason.language}. Other languages need another engine: see AVIARY_MAGPIE_URL and AVIARY_PARAKEET_URL.`,
      )
    case "TookTooLong":
      return new EngineTimedOut({ phase: "total", afterMillis: reason.afterMillis })
    case "ThreadLost":
      return new EngineCut({ message: `The embedded engine's thread ended: ${reason.message}` })
    case "EngineBroke":
      return rejected(500, `The embedded engine failed: ${reason.message}`)
  }
}
