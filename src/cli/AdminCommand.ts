import { Console, Effect, Layer, Option } from "effect"
import { Flag } from "effect/cli"
import { AdminClient } from "../client/AdminClient.ts"
import { Settings } from "../Settings.ts"
import { switchFlag } from "./Fields.ts"

/** What every command that asks a running gateway understands. */
export const adminFlags = {
  url: Flag.String("url").pipe(
    Flag.withMetavar("url"),
    Flag.withDescription("Base URL of the gateway. Default: AVIARY_HOST and AVIARY_PORT on this machine"),
    Flag.optional,
  ),
  json: switchFlag("json").pipe(Flag.withDescription("Print JSON, for scripts")),
}

/** The values of `adminFlags`. */
export interface AdminFlags {
  readonly url: Option.Option<string>
  readonly json: boolean
}

/** A running gateway, as `asking` hands it to its call. */
export type Client = Parameters<Parameters<typeof AdminClient.Service.ask>[0]>[0]

/**
 * Asks the gateway with the admin token of the settings or the data directory, and prints the answer: for people as
 * `show` writes it, with `--json` as it came. Succeeds with it.
 *
 * @param more what `show` needs beside the answer, such as names; asked for only then
 */
export const asking = <A, E, B = undefined, E2 = never>(
  { url, json }: AdminFlags,
  call: (client: Client) => Effect.Effect<A, E>,
  show: (answer: A, more: B) => string,
  more?: (client: Client, answer: A) => Effect.Effect<B, E2>,
) =>
  Effect.gen(function* () {
    const { ask } = yield* AdminClient
    const answer = yield* ask(call)
    if (json) {
      yield* Console.log(JSON.stringify(answer, null, 2))
      return answer
    }
    const beside = more === undefined ? undefined : yield* ask((client) => more(client, answer))
    yield* Console.log(show(answer, beside as B))
    return answer
  }).pipe(Effect.provide(AdminClient.layer(Option.getOrUndefined(url)).pipe(Layer.provide(Settings.layer))))
