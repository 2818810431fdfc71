import type { BaseVoice } from "../audio/Voice.ts"

const attribution = { name: "Aviary", url: "https://github.com/aviary-speech/gateway" }

/** What every part of an `info` says of itself. */
const artifact = (name: string, description: string) => ({
  ...{ name, description, attribution },
  ...{ installed: true, version: null },
})

export type ListedVoice = Pick<BaseVoice, "id" | "language" | "speaker">

/** What the gateway offers, as Home Assistant asks for it: one recognizer, and each base voice in its language. */
export const infoOf = (offer: {
  readonly recognizer: string
  readonly languages: ReadonlyArray<string>
  readonly voices: ReadonlyArray<ListedVoice>
}) => ({
  asr: [
    {
      ...artifact("aviary", "Aviary speech to text"),
      models: [{ ...artifact(offer.recognizer, offer.recognizer), languages: offer.languages }],
      supports_transcript_streaming: true,
    },
  ],
  tts:
    offer.voices.length === 0
      ? []
      : [
          {
            ...artifact("aviary", "Aviary text to speech"),
            voices: offer.voices.map(({ id, language, speaker }) => ({
              ...artifact(id, speaker),
              languages: [language ?? "en-US"],
              speakers: null,
            })),
            supports_synthesize_streaming: true,
          },
        ],
  ...{ handle: [], intent: [], wake: [], mic: [], snd: [] },
})
