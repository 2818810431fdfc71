import type { DecodeError } from "../audio/DecodeError.ts"
import type { BillingError } from "../billing/BillingError.ts"
import type { HealthError } from "../health/HealthError.ts"
import type { ScratchError } from "../scratch/ScratchSpace.ts"
import type { ParakeetError } from "../upstream/ParakeetClient.ts"

/** Why a transcription was not delivered, by the room that says so. */
export type TranscriptionFailure = DecodeError | ParakeetError | HealthError | BillingError | ScratchError
