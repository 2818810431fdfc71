import "../workers/StandBack.ts"
import { workerData } from "node:worker_threads"
import { nativeCall } from "../workers/NativeCalls.ts"
import { serve } from "../workers/WorkerServer.ts"
import { listen } from "./Listen.ts"
import type { MoonshineSize } from "./Moonshine.ts"
import { loadRecognizer, recognize } from "./MoonshineModel.ts"
import { RecognizerRpcs } from "./RecognizerRpcs.ts"

const { numThreads, size } = workerData as { readonly numThreads: number; readonly size: MoonshineSize }
const recognizer = nativeCall(() => loadRecognizer(size, numThreads))

serve(
  RecognizerRpcs,
  RecognizerRpcs.toLayer({
    Listen: ({ path, samples }) => listen(path, samples, (audio) => ({ text: recognize(recognizer, audio) })),
  }),
)
