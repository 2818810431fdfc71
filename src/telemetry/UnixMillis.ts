import { Schema } from "effect"

/** A moment, as operators are told of it. */
export const unixMillis = Schema.Finite.annotate({ description: "Unix time in milliseconds." })
