import { live, namesOf, oneOf, paces, text } from "./SettingKinds.ts"

/** How texts are read and names are understood: a part of the table in `Settings.ts`, all of which can change while the gateway runs. */
export const readingTable = {
  voices: live(
    namesOf('{"alloy":"Magpie-Multilingual.EN-US.Aria"}')(
      "AVIARY_VOICES",
      "{}",
      "Names of voices beside the engine's own, in any case: each with the voice that it stands for. OpenAI's thirteen are dealt out to the English voices unless they are here.",
    ),
  ),
  speakable: live(
    oneOf("on", "off")(
      "AVIARY_SPEAKABLE",
      "on",
      "Whether a text that holds markdown is read as a person would read it: without marks, tables row by row, code by its name, addresses by their host, emoji left out. A request may say otherwise in `x-aviary-speakable`.",
    ),
  ),
  pronunciations: live(
    text(
      "AVIARY_PRONUNCIATIONS",
      undefined,
      'A file of words and how the voice is to say them, as JSON: by a spelling, `{"nginx":"engine x"}`, or by IPA between slashes where the engine takes it, `{"tomato":"/təˈmeɪtoʊ/"}`, with a spelling behind it for engines that do not. Read again when it changes. Unset: none.',
    ),
  ),
  models: live(
    namesOf('{"kokoro":"tts-1","whisper-small":"whisper-1"}')(
      "AVIARY_MODELS",
      "{}",
      "Names of models beside the engines' own and OpenAI's: each with the model that it stands for. Common ones of other servers, such as `kokoro` and `whisper-large-v3`, are known.",
    ),
  ),
  paces: live(
    paces(
      "AVIARY_PACES",
      "{}",
      "Slowest and fastest plausible pace by language, in letters per second. Audio outside of it is not the whole speech.",
    ),
  ),
}
