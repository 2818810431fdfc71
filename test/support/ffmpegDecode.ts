import { spawnSync } from "node:child_process"

/**
 * What ffmpeg makes of `audio` that comes through a pipe, as a player's does: 24 kHz mono samples, and all that it complained about.
 *
 * @param format for headerless audio, ffmpeg's name and options of it
 */
export const ffmpegDecode = (audio: Uint8Array, format: ReadonlyArray<string> = []) => {
  const { stderr, stdout } = spawnSync(
    "ffmpeg",
    ["-hide_banner", "-v", "warning", ...format, "-i", "pipe:0", "-f", "s16le", "-ac", "1", "-ar", "24000", "pipe:1"],
    { input: audio, maxBuffer: 2 ** 30 },
  )
  const samples = new Int16Array(stdout.buffer, stdout.byteOffset, stdout.byteLength >> 1).slice()
  // Mono says nothing of where it is to be heard, and ffmpeg tells what it takes it for.
  const complaints = stderr
    .toString()
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("Guessed Channel Layout"))
  return { samples, seconds: samples.length / 24_000, complaints }
}

export const headerlessPcm = ["-f", "s16le", "-ar", "24000", "-ac", "1"]
