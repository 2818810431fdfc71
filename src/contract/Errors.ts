import { ApiError } from "./ApiError.ts"

type Family = "invalid_request_error" | "server_error" | "service_unavailable_error" | "engine_error"

interface Description<Args extends ReadonlyArray<unknown>> {
  readonly status: number
  readonly type: Family
  readonly code: string
  readonly param?: string | ((...args: Args) => string | null)
  readonly message: (...args: Args) => string
  /** When a client meets it. */
  readonly when: string
  /** Arguments that make the message shown in docs/errors.md. */
  readonly example: Args
  /** `false`: OpenAI's SDKs, which retry 408, 409, 429 and every 5xx, are told not to (`x-should-retry`). */
  readonly retry?: false
  /** The status where it is not always the same. */
  readonly statusOf?: (...args: Args) => number
}

/** One error a client can be told: called with what it is about, it makes the error. */
export interface ErrorKind<Args extends ReadonlyArray<unknown> = ReadonlyArray<never>> {
  (...args: Args): ApiError
  readonly description: Description<Args>
}

const kind = <const Args extends ReadonlyArray<unknown>>(description: Description<Args>): ErrorKind<Args> =>
  Object.assign(
    (...args: Args) =>
      new ApiError({
        status: description.statusOf?.(...args) ?? description.status,
        type: description.type,
        code: description.code,
        param: typeof description.param === "function" ? description.param(...args) : (description.param ?? null),
        message: description.message(...args),
        headers: description.retry === false ? { "x-should-retry": "false" } : {},
      }),
    { description },
  )

const sentence = (text: string): string => (text.endsWith(".") ? text : `${text}.`)

type Engine = "text-to-speech" | "speech-to-text"

/** Everything a client can be told in an error. `docs/errors.md` is this catalogue, which a test holds to it. */
export const Errors = {
  invalidJson: kind<[]>({
    status: 400,
    type: "invalid_request_error",
    code: "invalid_json",
    message: () => "The request body is not valid JSON.",
    when: "A JSON route got something else.",
    example: [],
  }),
  invalidBody: kind<[]>({
    status: 400,
    type: "invalid_request_error",
    code: "invalid_body",
    message: () => "The request body must be a JSON object.",
    when: "The body is JSON, but not an object, or it is empty.",
    example: [],
  }),
  missingParameter: kind<[param: string]>({
    status: 400,
    type: "invalid_request_error",
    code: "missing_required_parameter",
    param: (param) => param,
    message: (param) => `Missing required parameter: '${param}'.`,
    when: "A field that must be there is not.",
    example: ["model"],
  }),
  invalidValue: kind<[param: string, accepted: string]>({
    status: 400,
    type: "invalid_request_error",
    code: "invalid_value",
    param: (param) => param,
    message: (param, accepted) => `Invalid value for '${param}': ${sentence(accepted)}`,
    when: "A field has a value of the wrong type or out of range.",
    example: ["speed", "expected a number from 0.25 to 4"],
  }),
  unsupportedValue: kind<[param: string, accepted: string]>({
    status: 400,
    type: "invalid_request_error",
    code: "unsupported_value",
    param: (param) => param,
    message: (param, accepted) => `Unsupported value for '${param}': ${sentence(accepted)}`,
    when: "A field has a value that OpenAI may know but this gateway, or the engine behind it, cannot serve.",
    example: ["response_format", 'expected one of "mp3", "wav", "pcm"'],
  }),
  blankText: kind<[]>({
    status: 400,
    type: "invalid_request_error",
    code: "blank_text",
    param: "input",
    message: () => "Invalid 'input': there is nothing to say, the text is empty or white space.",
    when: "A speech was asked for without text.",
    example: [],
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
  modelNotFound: kind<[model: string]>({
    status: 404,
    type: "invalid_request_error",
    code: "model_not_found",
    param: "model",
    message: (model) => `The model \`${model}\` does not exist or you do not have access to it.`,
    when: "The model is neither listed under `/v1/models` nor an alias, or it is of the other kind.",
    example: ["tts-9"],
  }),
  unknownUrl: kind<[method: string, path: string]>({
    status: 404,
    type: "invalid_request_error",
    code: "unknown_url",
    message: (method, path) => `Invalid URL (${method} ${path})`,
    when: "No such route.",
    example: ["GET", "/v1/chat"],
  }),
  methodNotAllowed: kind<[method: string, path: string, allowed: ReadonlyArray<string>]>({
    status: 405,
    type: "invalid_request_error",
    code: "method_not_supported",
    message: (method, path, allowed) => `Not allowed to ${method} on ${path}. Allowed: ${allowed.join(", ")}.`,
    when: "The route exists for other methods, which `Allow` names.",
    example: ["DELETE", "/v1/models", ["GET", "HEAD"]],
  }),
  requestTimeout: kind<[]>({
    status: 408,
    type: "invalid_request_error",
    code: "request_timeout",
    message: () => "The request did not arrive in time.",
    when: "The body took longer than `AVIARY_UPLOAD_TIMEOUT`, or the headers longer than 15 seconds.",
    example: [],
  }),
  bodyTooLarge: kind<[limit: number]>({
    status: 413,
    type: "invalid_request_error",
    code: "request_too_large",
    message: (limit) => `Maximum content size limit (${limit}) exceeded`,
    when: "The request body has more bytes than its route takes. It is cut there.",
    example: [26_214_400],
  }),
  fieldTooLarge: kind<[limit: number]>({
    status: 413,
    type: "invalid_request_error",
    code: "field_too_large",
    message: (limit) => `A form field other than the file is larger than ${limit} bytes.`,
    when: "A text field of a multipart form is too long.",
    example: [65_536],
  }),
  tooManyParts: kind<[limit: number]>({
    status: 413,
    type: "invalid_request_error",
    code: "too_many_parts",
    message: (limit) => `The form has more than ${limit} parts.`,
    when: "A multipart form has too many fields.",
    example: [64],
  }),
  unsupportedMediaType: kind<[expected: string]>({
    status: 415,
    type: "invalid_request_error",
    code: "unsupported_media_type",
    message: (expected) => `Unsupported Content-Type. Send ${expected}.`,
    when: "The body is announced as something that the route does not read.",
    example: ["application/json"],
  }),
  invalidMultipart: kind<[]>({
    status: 400,
    type: "invalid_request_error",
    code: "invalid_multipart",
    message: () => "The request body is not a well-formed multipart/form-data body, or it was cut off.",
    when: "A form that cannot be parsed: no or wrong boundary, broken part headers, no end.",
    example: [],
  }),
  malformedRequest: kind<[]>({
    status: 400,
    type: "invalid_request_error",
    code: "malformed_request",
    message: () => "The bytes received are not a well-formed HTTP request.",
    when: "What came in is not HTTP, or its body could not be read.",
    example: [],
  }),
  headersTooLarge: kind<[]>({
    status: 431,
    type: "invalid_request_error",
    code: "headers_too_large",
    message: () => "The request line and headers are larger than 16384 bytes.",
    when: "Too many or too long headers.",
    example: [],
  }),
  undecodable: kind<[message: string]>({
    status: 400,
    type: "invalid_request_error",
    code: "invalid_value",
    param: "file",
    message: (message) => message,
    when: "The uploaded file is no audio that can be read here.",
    example: ["Audio file might be corrupted or unsupported. Accepted: wav, flac, mp3, ogg, webm."],
  }),
  unsupportedAudio: kind<[message: string]>({
    status: 400,
    type: "invalid_request_error",
    code: "unsupported_format",
    param: "file",
    message: (message) => message,
    when: "The uploaded file is audio of a kind that takes `ffmpeg`, which the gateway does not have.",
    example: ["This audio is decoded by ffmpeg, which this server does not have."],
  }),
  audioTooLong: kind<[message: string]>({
    status: 400,
    type: "invalid_request_error",
    code: "audio_too_long",
    param: "file",
    message: (message) => message,
    when: "The recording is longer than the gateway decodes, whatever its size in bytes.",
    example: ["The audio is longer than 14400 seconds. Send it in parts."],
  }),
  overloaded: kind<[]>({
    status: 503,
    type: "service_unavailable_error",
    code: "server_is_overloaded",
    message: () => "The gateway is busy with other requests. Try again shortly.",
    when: "More uploads wait to be decoded than the gateway can take. Comes with `Retry-After`.",
    example: [],
  }),
  engineUnreachable: kind<[engine: Engine]>({
    status: 502,
    type: "engine_error",
    code: "engine_unreachable",
    message: (engine) => `The ${engine} engine cannot be reached.`,
    when: "The engine refused the connection, or there is no such host.",
    example: ["text-to-speech"],
  }),
  engineTimedOut: kind<[engine: Engine, seconds: number]>({
    status: 504,
    type: "engine_error",
    code: "engine_timeout",
    message: (engine, seconds) => `The ${engine} engine did not answer in time (${seconds} seconds).`,
    when: "The engine took too long to accept the call, to begin, between two pieces, or in all.",
    example: ["text-to-speech", 30],
  }),
  engineLoading: kind<[engine: Engine]>({
    status: 503,
    type: "service_unavailable_error",
    code: "engine_loading",
    message: (engine) => `The ${engine} engine is still loading its model. Try again shortly.`,
    when: "The engine has just been started. Comes with `Retry-After`.",
    example: ["speech-to-text"],
  }),
  engineRejected: kind<[status: number, message: string]>({
    status: 502,
    statusOf: (status) => (status >= 400 && status <= 599 ? status : 502),
    type: "engine_error",
    code: "engine_rejected",
    message: (_status, message) => message,
    when: "The engine answered with an error. Its own status (4xx or 5xx) and text are passed on.",
    example: [422, "Unavailable model requested given these parameters: language_code=xx"],
  }),
  engineMalformed: kind<[engine: Engine]>({
    status: 502,
    type: "engine_error",
    code: "engine_malformed",
    message: (engine) => `The ${engine} engine answered with something that is not what it was asked for.`,
    when: "The engine answered 200 with a web page, broken HTTP or half a sample.",
    example: ["text-to-speech"],
  }),
  engineCut: kind<[engine: Engine]>({
    status: 502,
    type: "engine_error",
    code: "engine_cut",
    message: (engine) => `The ${engine} engine broke off its answer.`,
    when: "The connection to the engine was lost before there was anything to pass on.",
    example: ["speech-to-text"],
  }),
  incompleteAudio: kind<[message: string]>({
    status: 502,
    type: "engine_error",
    code: "incomplete_audio",
    message: (message) => `The text-to-speech engine made audio that cannot be the whole speech: ${message}`,
    when: "The engine ended properly, but the audio is empty or far too short for the text.",
    example: ["0.1 seconds for 120 characters."],
  }),
  storageUnavailable: kind<[]>({
    status: 503,
    type: "server_error",
    code: "storage_unavailable",
    message: () => "The gateway's storage is failing at the moment.",
    when: "The gateway's own disk is full or failing.",
    example: [],
  }),
  shuttingDown: kind<[]>({
    status: 503,
    type: "service_unavailable_error",
    code: "shutting_down",
    message: () => "The gateway is shutting down.",
    when: "The gateway was stopped before the request was done. Comes with `Retry-After`.",
    example: [],
  }),
  internal: kind<[]>({
    status: 500,
    type: "server_error",
    code: "internal_error",
    message: () =>
      "The gateway had an error while processing the request. Its log has the details, under the x-request-id.",
    when: "A fault of the gateway itself.",
    example: [],
    retry: false,
  }),
}
