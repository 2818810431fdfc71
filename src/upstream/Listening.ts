/**
 * What is asked of an engine beside the recording. What it cannot heed it ignores, but for a language that it does not know.
 *
 * @property language BCP 47 or ISO 639-1; absent: the engine's default
 * @property prompt what came before, or how names are spelled
 * @property keywords words to expect
 * @property temperature 0 to 1
 * @property times where the segments lie is of use, so they should be those of speech
 * @property words where each word lies is asked for
 * @property speakers who says what is asked for
 * @property translate English is asked for, whatever is spoken
 */
export interface Listening {
  readonly language?: string | undefined
  readonly prompt?: string | undefined
  readonly keywords?: ReadonlyArray<string> | undefined
  readonly temperature?: number | undefined
  readonly times?: boolean | undefined
  readonly words?: boolean | undefined
  readonly speakers?: boolean | undefined
  readonly translate?: boolean | undefined
}

/**
 * What an engine does beside writing down what it hears. What it does not do is not asked of it.
 *
 * @property streams its segments come while it still listens, at the pauses of the speech, not all at once
 * @property times its segments say where they lie
 * @property words it says where each word lies, in every language that it knows
 * @property speakers it says who speaks
 * @property translates it writes English for what is spoken in other languages
 */
export interface Abilities {
  readonly streams: boolean
  readonly times: boolean
  readonly words: boolean
  readonly speakers: boolean
  readonly translates: boolean
}

/** A NIM over HTTP: a text and no more. */
export const textAlone: Abilities = {
  streams: false,
  times: false,
  words: false,
  speakers: false,
  translates: false,
}
