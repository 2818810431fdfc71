import { durationFrom, members, oneOf, restartTarget } from "./SettingKinds.ts"

const idle = durationFrom("1 second", "7 days", "from a second to a week")

/** Several engines of a kind, and when one is stopped. Part of the table of settings. */
export const fleetTable = {
  magpieUrls: members(
    "AVIARY_MAGPIE_URLS",
    undefined,
    "Several Magpies instead of one: their URLs, each with `protocol= key= model= voices= concurrency= restart= start= stop= idle=` of its own as far as it differs from the settings of these names.",
  ),
  parakeetUrls: members("AVIARY_PARAKEET_URLS", undefined, "The same for Parakeet."),
  magpieIdle: idle(
    "AVIARY_MAGPIE_IDLE",
    undefined,
    "How long nobody must have needed Magpie before it is stopped. The next request has it started. Unset: it is never stopped.",
  ),
  magpieStart: restartTarget(
    "AVIARY_MAGPIE_START",
    "none",
    "How to start Magpie once it was stopped. None: by Docker, where AVIARY_MAGPIE_RESTART names a container.",
  ),
  magpieStop: restartTarget("AVIARY_MAGPIE_STOP", "none", "How to stop it, likewise."),
  parakeetIdle: idle("AVIARY_PARAKEET_IDLE", undefined, "The same as AVIARY_MAGPIE_IDLE, for Parakeet."),
  parakeetStart: restartTarget("AVIARY_PARAKEET_START", "none", "How to start Parakeet once it was stopped."),
  parakeetStop: restartTarget("AVIARY_PARAKEET_STOP", "none", "How to stop it."),
  fallback: oneOf("none", "embedded")(
    "AVIARY_FALLBACK",
    "none",
    "What answers while no engine of a kind does. `embedded`: the engine inside, in English and its own voices, said in `x-aviary-engine`. `none`: requests are refused.",
  ),
}
