/** Hz that every recording has, whatever the client sent: what Parakeet and Moonshine were trained on. */
export const recordingSampleRate = 16_000

/**
 * Decoded audio, waiting for an engine: a canonical WAV file (44-byte header, 16 kHz, mono, signed 16-bit little endian),
 * on disk since an upload of 25 MiB can hold hours.
 *
 * @property path the WAV file; it lives as long as the scope that decoded it
 * @property samples how many samples follow the header
 */
export interface Recording {
  readonly path: string
  readonly samples: number
}

/**
 * A recording that was decoded here.
 *
 * @property sha256 of its samples, hexadecimal: two with the same are the same to an engine, whatever files they came in
 */
export interface DecodedRecording extends Recording {
  readonly sha256: string
}

/** Length of `recording` in seconds. */
export const durationSeconds = (recording: Recording): number => recording.samples / recordingSampleRate

/** Bytes of disk that a recording of so many seconds takes, its header aside. */
export const recordingBytes = (seconds: number): number => Math.ceil(seconds * recordingSampleRate) * 2
