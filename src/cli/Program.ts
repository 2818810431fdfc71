/** How this program was called, and so how to call it again: nothing of the name `aviary` is on the PATH of a checkout. */
export const program = process.env["npm_lifecycle_event"] === "start" ? "npm start --" : "aviary"
