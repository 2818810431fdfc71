/** Server-sent events, whole ones, of a stream of text. `EventSource` cannot say who is asking. */
export const makeEventReader = (told: (name: string, data: string) => void) => {
  let rest = ""
  return (text: string) => {
    const events = (rest + text).split("\n\n")
    rest = events.pop()!
    for (const event of events) {
      const fields = new Map(
        event.split("\n").map((line) => [line.split(": ", 1)[0]!, line.slice(line.indexOf(": ") + 2)]),
      )
      const data = fields.get("data")
      if (data !== undefined) told(fields.get("event") ?? "message", data)
    }
  }
}
