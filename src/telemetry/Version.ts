import { createRequire } from "node:module"

/** Of this package, as it says itself. */
export const { version } = createRequire(import.meta.url)("../../package.json") as { readonly version: string }
