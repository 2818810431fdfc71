import { Effect, Option } from "effect"
import type { EngineProtocol } from "../upstream/EngineAddress.ts"
import type { EngineFailure } from "../upstream/EngineFailure.ts"
import { withoutCredentials } from "../upstream/EngineUrl.ts"

/** How long the start waits for an engine to say that it is ready. */
const patience = "2 seconds"

const protocolNames: Readonly<Record<EngineProtocol, string>> = { nim: "a NIM", openai: "OpenAI's protocol" }

interface Client {
  readonly place?: string
  readonly protocol?: EngineProtocol | undefined
  readonly ready: Effect.Effect<void, { readonly reason: EngineFailure }>
}

/** Where an engine is, what is spoken to it, and whether it answers there. */
export const place = (url: URL | undefined, client: Client) =>
  url === undefined
    ? Effect.succeed(client.place ?? "inside this process, English only")
    : client.ready.pipe(
        Effect.match({ onSuccess: () => "ready", onFailure: ({ reason }) => trouble(reason) }),
        Effect.timeoutOption(patience),
        Effect.map(
          (state) =>
            `${withoutCredentials(url).href}${client.protocol === undefined ? "" : `, ${protocolNames[client.protocol]}`}: ${Option.getOrElse(state, () => `NO ANSWER within ${patience}`)}`,
        ),
      )

const trouble = (reason: EngineFailure): string => {
  switch (reason._tag) {
    case "EngineUnreachable":
      return "NOBODY ANSWERS there yet"
    case "EngineTimedOut":
      return "NO ANSWER in time"
    case "EngineLoading":
      return "still loading its model"
    case "EngineRejected":
    case "EngineMalformed":
    case "EngineCut":
      return `answers, but NOT READY: ${reason.message}`
  }
}
