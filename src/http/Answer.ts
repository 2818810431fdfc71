import { Effect } from "effect"
import type { HttpServerResponse } from "effect/http"
import type { ApiError } from "../contract/ApiError.ts"
import { Settings } from "../Settings.ts"
import { reasonWords } from "../telemetry/ReasonWords.ts"
import { errorResponse } from "./ErrorResponse.ts"
import { note } from "./RequestNotes.ts"
import { makeRoomErrors, type RoomError } from "./RoomErrors.ts"

/** Turns an error, a room's or the contract's own, into the error response. */
export const makeAnswer = Effect.map(Settings, (settings) => {
  const errorOf = makeRoomErrors(settings)
  return <A, E extends RoomError | ApiError, R>(
    asked: Effect.Effect<A, E, R>,
  ): Effect.Effect<A | HttpServerResponse.HttpServerResponse, never, R> =>
    Effect.catch(asked, (error: RoomError | ApiError) =>
      error._tag === "ApiError"
        ? Effect.succeed(errorResponse(error))
        : Effect.as(note({ why: reasonWords(error.reason) }), errorResponse(errorOf(error))),
    )
})
