/** A stretch of speech with its place in the recording, in milliseconds. */
export interface Segment {
  readonly startMs: number
  readonly endMs: number
  readonly text: string
}

/**
 * What was said.
 *
 * @property language BCP 47 of what the engine listened for
 * @property segments empty where the engine returns text alone
 */
export interface Transcript {
  readonly text: string
  readonly language: string
  readonly segments: ReadonlyArray<Segment>
}
