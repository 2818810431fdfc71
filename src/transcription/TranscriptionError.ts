import type { DecodeError } from "../audio/DecodeError.ts"
import type { BillingError } from "../billing/BillingError.ts"
import type { HealthError } from "../health/HealthError.ts"
import type { ScratchError } from "../scratch/ScratchSpace.ts"
import type { EngineError } from "../upstream/EngineError.ts"

/** Why a transcription was not delivered, by the room that says so. */
export type TranscriptionFailure = DecodeError | EngineError | HealthError | BillingError | ScratchError
