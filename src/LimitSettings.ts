import { bytesFrom, count, countOrNone, duration, durationOrNone, live } from "./SettingKinds.ts"

/** How much may come at once: a part of the table in `Settings.ts`, all of which can change while the gateway runs. */
export const limitTable = {
  maxTextCharacters: live(count("AVIARY_MAX_TEXT_CHARACTERS", "4096", "Longest text of one speech, in code points.")),
  uploadMaxBytes: live(
    bytesFrom(1_024, "at least 1 KiB")(
      "AVIARY_UPLOAD_MAX_BYTES",
      "26214400",
      "Largest transcription request, in bytes.",
    ),
  ),
  uploadsMax: live(
    count(
      "AVIARY_UPLOADS_MAX",
      "256",
      "Uploads that may be unfinished at once: arriving, waiting or being transcribed.",
    ),
  ),
  uploadsMaxBytes: live(
    bytesFrom(1_024, "at least 1 KiB")(
      "AVIARY_UPLOADS_MAX_BYTES",
      "4 GiB",
      "Disk that unfinished uploads may take together, and the recordings decoded from them.",
    ),
  ),
  accountUploadsMax: live(count("AVIARY_ACCOUNT_UPLOADS_MAX", "64", "Those of one account, where keys are asked for.")),
  accountUploadsMaxBytes: live(
    bytesFrom(1_024, "at least 1 KiB")("AVIARY_ACCOUNT_UPLOADS_MAX_BYTES", "1 GiB", "Disk for those of one account."),
  ),
  recordingMaxDuration: live(
    duration(
      "AVIARY_RECORDING_MAX_DURATION",
      "4 hours",
      "Longest recording that is transcribed, whatever its size in bytes. An hour takes 115 MB of disk while it waits.",
    ),
  ),
  queueLength: live(countOrNone("AVIARY_QUEUE_LENGTH", "64", "Requests that may wait for an engine's turn.")),
  queueWait: live(durationOrNone("AVIARY_QUEUE_WAIT", "60 seconds", "How long a request waits for an engine's turn.")),
}
