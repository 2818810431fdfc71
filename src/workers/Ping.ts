import * as Rpc from "effect/rpc/Rpc"

/** Answered by every worker; one that does not answer is stuck. */
export const Ping = Rpc.make("Ping")
