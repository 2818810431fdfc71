import "../workers/StandBack.ts"
import { recordingSampleRate } from "../audio/Recording.ts"
import { handed, serve } from "../workers/WorkerServer.ts"
import { listen, type Recognize } from "./Listen.ts"
import { RecognizerRpcs } from "./RecognizerRpcs.ts"
import { type RecognizerConfig, sherpaOnnx } from "./SherpaOnnx.ts"
import { languageOf, wordsOf } from "./TokenTimes.ts"

const { modelConfig } = handed() as RecognizerConfig
const recognizer = new (sherpaOnnx().OfflineRecognizer)({ modelConfig })

const recognize: Recognize = (samples, startMs) => {
  const stream = recognizer.createStream()
  stream.acceptWaveform({ samples, sampleRate: recordingSampleRate })
  recognizer.decode(stream)
  const heard = recognizer.getResult(stream)
  const words = wordsOf(heard, startMs)
  const language = languageOf(heard)
  return {
    text: heard.text.trim(),
    ...(words.length > 0 && { words }),
    ...(language !== undefined && { language }),
  }
}

// A model whose parts do not fit ends this process when it first hears something: better now than at somebody's request.
recognize(new Float32Array(recordingSampleRate), 0)

serve(RecognizerRpcs, RecognizerRpcs.toLayer({ Listen: ({ path, samples }) => listen(path, samples, recognize) }))
