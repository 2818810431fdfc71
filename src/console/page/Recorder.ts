import { useEffect, useState } from "preact/hooks"
import { messageOf } from "./call.ts"
import { html } from "./html.ts"
import { Notice } from "./parts.ts"

/** Records the microphone until it is told to stop. Browsers have one only on https and on this machine. */
export const Recorder = ({ take, disabled }: { readonly take: (file: File) => void; readonly disabled: boolean }) => {
  const [recorder, setRecorder] = useState<MediaRecorder | undefined>(undefined)
  const [error, setError] = useState<string | undefined>(undefined)
  useEffect(() => () => recorder?.stream.getTracks().forEach((track) => track.stop()), [recorder])
  if (!("mediaDevices" in navigator)) return null
  const begin = async () => {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true })
    const begun = new MediaRecorder(stream)
    const parts: Array<Blob> = []
    begun.addEventListener("dataavailable", ({ data }) => void parts.push(data))
    begun.addEventListener("stop", () => {
      for (const track of stream.getTracks()) track.stop()
      setRecorder(undefined)
      const kind = begun.mimeType.split(";")[0]!
      take(new File(parts, `recording.${kind.split("/")[1] ?? "webm"}`, { type: kind }))
    })
    begun.start()
    setRecorder(begun)
  }
  const toggle = () => {
    setError(undefined)
    if (recorder !== undefined) return recorder.stop()
    begin().catch((problem: unknown) => setError(`The microphone cannot be used: ${messageOf(problem)}`))
  }
  return html`
    <button type="button" onClick=${toggle} disabled=${disabled} aria-pressed=${recorder !== undefined}>
      ${recorder === undefined ? "Record" : "Stop and transcribe"}
    </button>
    <${Notice} error=${error} />
  `
}
