import { Effect } from "effect"
import { parseVoice } from "../audio/Voice.ts"
import { indexVoices, type VoiceIndex } from "../audio/VoiceIndex.ts"
import { isEnglish } from "../embedded/English.ts"
import { EngineGuard } from "../health/EngineGuard.ts"
import type { Edition } from "../health/Fleet.ts"
import { isOut } from "../health/LastResort.ts"
import { LiveSettings } from "../LiveSettings.ts"
import type { SpeechFailure } from "./SpeechError.ts"
import type { SpeechRequest } from "./SpeechRequest.ts"
import { VoiceList } from "./VoiceList.ts"

/** Whose voice answers where the stand-in has none of the name that is asked for. */
const usualVoice = "alloy"

/**
 * The voice inside that speaks while no Magpie does.
 *
 * - `edition`: it, as an edition of its own.
 * - `voices`: its own; any name that it does not know is the one that it has for `alloy`.
 * - `speaks`: whether what is asked for is English, as far as the request and its voice say.
 * - `instead`: what `speak` makes of it, where `error` says that no Magpie can answer; otherwise, or where it fails too, that error.
 */
export interface StandIn {
  readonly edition: Edition<"magpie">
  readonly voices: VoiceList["Service"]
  readonly speaks: (request: SpeechRequest) => boolean
  readonly instead: <A, R>(
    request: SpeechRequest,
    error: SpeechFailure,
    speak: Effect.Effect<A, SpeechFailure, R>,
  ) => Effect.Effect<A, SpeechFailure, R>
}

/** Undefined where nothing stands in. */
export const makeStandIn = Effect.gen(function* () {
  const guard = yield* EngineGuard
  const voices = yield* VoiceList
  const live = yield* LiveSettings
  const { answers, member } = guard.lastResort("magpie")
  if (member === undefined) return undefined

  const index = indexVoices(yield* Effect.orElseSucceed(member.client.voices, () => []))
  const known: VoiceIndex = {
    ...index,
    resolve: (wanted) => index.resolve(wanted) ?? index.resolve(usualVoice),
  }
  const meant = (voice: string) => {
    const name = voice.trim().toLowerCase()
    const alias = Object.entries(live.now().voices).find(([alias]) => alias.toLowerCase() === name)
    return alias?.[1] ?? voice
  }
  const edition: Edition<"magpie"> = { traits: member.client, members: new Set([member.id]), standsIn: true }

  const speaks = ({ language, voice }: SpeechRequest) => {
    const listed = voices.last()?.resolve(voice) ?? parseVoice(meant(voice))
    return isEnglish(language ?? listed.language ?? "en")
  }

  const instead: StandIn["instead"] = (request, error, speak) =>
    isOut("magpie", error) && speaks(request)
      ? speak.pipe(
          Effect.tap(() => answers(error)),
          Effect.catch((failure) =>
            failure._tag === "BillingError"
              ? Effect.fail(failure)
              : Effect.andThen(
                  Effect.logWarning(`what stands in for Magpie cannot answer either: ${failure.message}`),
                  Effect.fail(error),
                ),
          ),
        )
      : Effect.fail(error)

  const list: VoiceList["Service"] = {
    known: Effect.succeed(known),
    latest: Effect.succeed(known),
    last: () => known,
    speakers: () => undefined,
  }
  const made: StandIn = { edition, instead, speaks, voices: list }
  return made
})
