import { fileURLToPath } from "node:url"
import type { Recording } from "../../src/audio/Recording.ts"

const clip = (
  name: string,
  samples: number,
  text: string,
): { readonly recording: Recording; readonly text: string } => ({
  recording: { path: fileURLToPath(new URL(`./audio/${name}.wav`, import.meta.url)), samples },
  text,
})

/** The clips of `audio/`, with what is said in them. */
export const humanSpeech = [
  clip(
    "sense-and-sensibility-0870",
    113_600,
    "and mister john dashwood had then leisure to consider how much there might be prudently in his power to do for them",
  ),
  clip("sense-and-sensibility-0930", 52_640, "he might even have been made amiable himself"),
] as const
