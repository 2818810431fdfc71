import { Effect } from "effect"
import type { HttpServerResponse } from "effect/http"
import { Settings } from "../Settings.ts"
import { errorResponse } from "./ErrorResponse.ts"
import { makeRoomErrors, type RoomError } from "./RoomErrors.ts"

/** Makes a room's error what a client is told of it, for handlers that have nothing to add. */
export const makeAnswer = Effect.map(Settings, (settings) => {
  const told = makeRoomErrors(settings)
  return <A, E extends RoomError, R>(
    asked: Effect.Effect<A, E, R>,
  ): Effect.Effect<A | HttpServerResponse.HttpServerResponse, never, R> =>
    Effect.catch(asked, (error) => Effect.succeed(errorResponse(told(error))))
})
