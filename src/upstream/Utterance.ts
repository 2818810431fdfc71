/**
 * One engine call's worth of speech.
 *
 * @property text at most `MagpieClient.maxCharacters` code points
 * @property voice an id from `MagpieClient.voices`, emotion variants included
 * @property language BCP 47, such as `en-US`
 * @property speed 1 is the voice's own pace
 */
export interface Utterance {
  readonly text: string
  readonly voice: string
  readonly language: string
  readonly speed: number
}
