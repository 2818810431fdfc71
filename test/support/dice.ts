import { seededRandom } from "./seededRandom.ts"

/** Choices that look random and are the same for the same seed. */
export const makeDice = (seed: number) => {
  const below = seededRandom(Math.imul(seed, 0x9e3779b1))
  return {
    /** A whole number from 0, less than `limit`. */
    below,
    chance: (probability: number) => below(1_000_000) < probability * 1_000_000,
    pick: <A>(from: ReadonlyArray<A>): A => from[below(from.length)]!,
  }
}

/** See `makeDice`. */
export type Dice = ReturnType<typeof makeDice>
