import { randomBytes } from "node:crypto"
import { holdsSecret } from "../telemetry/Secrets.ts"

/** The client's own id if it is a harmless token of at most 64 characters, otherwise a new one in OpenAI's style. */
export const requestId = (given: string | undefined): string =>
  given !== undefined && /^[A-Za-z0-9._:-]{1,64}$/.test(given) && !holdsSecret(given)
    ? given
    : `req_${randomBytes(16).toString("hex")}`
