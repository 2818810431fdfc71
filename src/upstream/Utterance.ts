import type { Sounds } from "../audio/Sounds.ts"

/**
 * One engine call's worth of speech.
 *
 * @property text at most `MagpieClient.maxCharacters` code points
 * @property voice an id from `MagpieClient.voices`, emotion variants included
 * @property language BCP 47, such as `en-US`
 * @property speed 1 is the voice's own pace
 * @property sounds how words of it sound, all of which the engine takes; absent: the engine knows best
 */
export interface Utterance {
  readonly text: string
  readonly voice: string
  readonly language: string
  readonly speed: number
  readonly sounds?: Sounds
}
