import { undecodable } from "./DecodeError.ts"

/** Hz. Telephones need 8,000; what is slower is no recording, and what is faster holds nothing that anybody hears. */
export const lowestSampleRate = 1_000
export const highestSampleRate = 384_000

/** Of a compressed stream, where a channel costs no byte: 7.1. */
const mostChannels = 8

/**
 * Throws a `DecodeError` unless a stream may be as it says. Whatever a file declares may be a lie that costs memory or time:
 * a second at 1 Hz is stretched to 16,000 samples, and each of 255 channels is decoded.
 */
export const checkDeclared = ({ channels = 1, sampleRate }: { channels?: number; sampleRate: number }): void => {
  if (!(sampleRate >= lowestSampleRate && sampleRate <= highestSampleRate)) {
    throw undecodable(`The file says that it has ${sampleRate} samples a second, which cannot be read.`)
  }
  if (channels < 1 || channels > mostChannels) {
    throw undecodable(`The file says that it has ${channels} channels, which cannot be read.`)
  }
}
