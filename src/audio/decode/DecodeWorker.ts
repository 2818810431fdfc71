import "../../workers/StandBack.ts"
import { Effect } from "effect"
import { serve } from "../../workers/WorkerServer.ts"
import { decodeFile, toldOfFile } from "./decodeFile.ts"
import { DecodeRpcs } from "./DecodeRpcs.ts"

// The WASM decoders and the demuxer print each damaged frame, which hostile uploads would turn into a full log.
console.error = () => {}
console.warn = () => {}

serve(
  DecodeRpcs,
  DecodeRpcs.toLayer({
    Decode: (request) =>
      Effect.tryPromise({
        try: (signal) => decodeFile(request, signal),
        catch: toldOfFile,
      }),
  }),
)
