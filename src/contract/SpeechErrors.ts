import { kind } from "./ErrorKind.ts"

/** What a client that asks for speech can be told of the speech itself. Rows of `Errors`. */
export const speechErrors = {
  blankText: kind<[]>({
    status: 400,
    type: "invalid_request_error",
    code: "blank_text",
    param: "input",
    message: () => "Invalid 'input': there is nothing to say, the text is empty or white space.",
    when: "A speech was asked for without text.",
    example: [],
  }),
  unspeakableText: kind<[voice: string, language: string]>({
    status: 400,
    type: "invalid_request_error",
    code: "unspeakable_text",
    param: "input",
    message: (voice, language) =>
      `Invalid 'input': the voice \`${voice}\` speaks ${language} and cannot say this text, or less than half of it. Choose a voice of the text's language (GET /v1/audio/voices lists them), or write the text in the voice's.`,
    when: "The text is in another script than the voice reads. A few words that it does not know are left out; more than it knows are refused.",
    example: ["Flite.EN-US.SLT", "en-US"],
  }),
  textTooLong: kind<[length: number, limit: number]>({
    status: 400,
    type: "invalid_request_error",
    code: "string_above_max_length",
    param: "input",
    message: (length, limit) =>
      `Invalid 'input': string too long. Expected a string with maximum length ${limit}, but got a string with length ${length} instead.`,
    when: "The text has more Unicode code points than one speech may have.",
    example: [5000, 4096],
  }),
  unknownVoice: kind<[voice: string, available: ReadonlyArray<string>]>({
    status: 400,
    type: "invalid_request_error",
    code: "voice_not_found",
    param: "voice",
    message: (voice, available) =>
      available.length === 0
        ? `The voice \`${voice}\` does not exist.`
        : `The voice \`${voice}\` does not exist. Available: ${available.slice(0, 10).join(", ")}${available.length > 10 ? ", … (all: GET /v1/audio/voices)" : ""}.`,
    when: "The voice is neither one of the engine's nor an alias such as `alloy`.",
    example: ["nobody", ["Magpie-Multilingual.EN-US.Mia", "Magpie-Multilingual.ES-US.Diego"]],
  }),
  speechNotFound: kind<[key: string]>({
    status: 404,
    type: "invalid_request_error",
    code: "speech_not_found",
    message: (key) =>
      `There is no speech \`${key.slice(0, 64)}\`: it was never made, is still being made, or has been removed.`,
    when: "`GET /v1/audio/speech/{key}` names no committed speech. `POST /v1/audio/speech` makes it.",
    example: ["1f0b…"],
  }),
  incompleteAudio: kind<[message: string]>({
    status: 502,
    type: "engine_error",
    code: "incomplete_audio",
    message: (message) => `The text-to-speech engine made audio that cannot be the whole speech: ${message}`,
    when: "The engine ended properly, but the audio is empty, or shorter or longer than the text can take.",
    example: ["it ended after 0.1 s, and the text takes 4.7 s at least."],
  }),
  encoderLost: kind<[]>({
    status: 500,
    type: "server_error",
    code: "encoder_lost",
    message: () => "What encodes the speech broke down and was replaced. Try again.",
    when: "A thread of the gateway that encodes speech crashed, or did not answer. After the first byte the answer is broken off instead.",
    example: [],
  }),
}
