const encoder = new TextEncoder()

/** One of OpenAI's events. Server-sent events are ended by line breaks, of which JSON has none: it writes those of a text as `\n`. */
export const eventOf = (data: object): Uint8Array => encoder.encode(`data: ${JSON.stringify(data)}\n\n`)

/** How the answer begins that events follow. */
export const eventStream = {
  contentType: "text/event-stream",
  // nginx would collect what it passes on.
  headers: { "cache-control": "no-cache", "x-accel-buffering": "no" },
}
