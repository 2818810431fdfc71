import { readAloud } from "./spokenNumbers.ts"
import { wordErrors, words } from "./wordErrors.ts"
import type { MarkdownDocument } from "./markdownDocuments.ts"

/** What became of a document that was spoken and heard again. */
export interface HeardDocument {
  readonly outcome: "whole" | "silence" | "refused" | "broken off"
  readonly heard: string
  readonly wrong: number
  readonly words: number
}

/** Speaks `document` through the gateway at `url`, and listens to it. Word errors are those of its plain words. */
export const hearDocument = async (url: string, document: MarkdownDocument): Promise<HeardDocument> => {
  const said = await fetch(`${url}/v1/audio/speech`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "tts-1", voice: "alloy", input: document.text, response_format: "wav" }),
  })
  const expected = words(document.words).length
  const lost = (outcome: HeardDocument["outcome"]) => ({ outcome, heard: "", wrong: expected, words: expected })
  if (said.status !== 200) return lost("refused")
  const audio = await said.arrayBuffer().catch(() => undefined)
  if (audio === undefined) return lost("broken off")
  const form = new FormData()
  form.append("model", "whisper-1")
  form.append("response_format", "text")
  form.append("file", new Blob([audio]), "speech.wav")
  const heard = await (await fetch(`${url}/v1/audio/transcriptions`, { method: "POST", body: form })).text()
  const wrong = Math.min(...readAloud(heard).map((text) => wordErrors(document.words, text)))
  return {
    outcome: expected === 0 && heard.trim() === "" ? "silence" : "whole",
    heard: heard.trim(),
    wrong,
    words: expected,
  }
}
