import { randomUUID } from "node:crypto"
import { holdsSecret } from "../telemetry/Secrets.ts"

/** Made of a UUID, for which Node keeps randomness in stock. */
const newId = (): string => `req_${randomUUID().replaceAll("-", "")}`

/** The client's own id if it is a harmless token of at most 64 characters, otherwise a new one in OpenAI's style. */
export const requestId = (given: string | undefined): string =>
  given !== undefined && /^[A-Za-z0-9._:-]{1,64}$/.test(given) && !holdsSecret(given) ? given : newId()
