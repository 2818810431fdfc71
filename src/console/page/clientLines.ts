/** The lines to copy of docs/clients.md, by client; a test of the house writes them. */
export const clientLines: ReadonlyArray<{ readonly name: string; readonly blocks: ReadonlyArray<string> }> = [
  {
    name: "curl",
    blocks: [
      `curl http://aviary:8000/v1/audio/speech -H "authorization: Bearer $OPENAI_API_KEY" -H "content-type: application/json" \\
  -d '{"model":"tts-1","voice":"alloy","input":"The birds are singing in the morning."}' -o birds.mp3
curl http://aviary:8000/v1/audio/transcriptions -H "authorization: Bearer $OPENAI_API_KEY" -F model=whisper-1 -F file=@birds.mp3`,
    ],
  },
  {
    name: "OpenAI's SDKs",
    blocks: [
      `import OpenAI from \x22openai"
const openai = new OpenAI({ baseURL: "http://aviary:8000/v1", apiKey: "sk-…" })
await openai.audio.transcriptions.create({
  model: "whisper-1",
  file: fs.createReadStream("talk.mp3"),
  response_format: "verbose_json",
  timestamp_granularities: ["word", "segment"],
})`,
      `const speech = await openai.audio.speech.create(
  { model: "gpt-4o-mini-tts", voice: "nova", input: "# Good *morning*", response_format: "opus", speed: 1.25 },
  { headers: { "x-aviary-speakable": "off" } },
)
for await (const piece of speech.body!) player.write(piece)`,
      `from openai import OpenAI
openai = OpenAI(base_url="http://aviary:8000/v1", api_key="sk-…")
with open("talk.mp3", "rb") as file:
    for event in openai.audio.transcriptions.create(model="gpt-4o-transcribe", file=file, stream=True):
        print(event)`,
    ],
  },
  {
    name: "Vercel AI SDK",
    blocks: [
      `import { createOpenAI } from \x22@ai-sdk/openai"
import { transcribe } from \x22ai"
const openai = createOpenAI({ baseURL: "http://aviary:8000/v1", apiKey: "sk-…" })
await transcribe({ model: openai.transcription("whisper-1"), audio: await readFile("talk.mp3") })`,
    ],
  },
  {
    name: "Mastra",
    blocks: [
      `import { OpenAIVoice } from \x22@mastra/voice-openai"
const model = { apiKey: "sk-…", options: { baseURL: "http://aviary:8000/v1" } }
const voice = new OpenAIVoice({ speechModel: { name: "tts-1", ...model }, listeningModel: { name: "whisper-1", ...model } })`,
    ],
  },
  {
    name: "TanStack AI",
    blocks: [
      `import { createOpenaiSpeech, createOpenaiTranscription } from \x22@tanstack/ai-openai"
const at = { baseURL: "http://aviary:8000/v1" }
generateSpeech({ adapter: createOpenaiSpeech("tts-1", "sk-…", at), text: "Good morning.", voice: "alloy" })
generateTranscription({ adapter: createOpenaiTranscription("whisper-1", "sk-…", at), audio: new File([bytes], "talk.mp3") })`,
    ],
  },
  {
    name: "LiveKit Agents",
    blocks: [
      `import { STT, TTS } from \x22@livekit/agents-plugin-openai"
const stt = new STT({ baseURL: "http://aviary:8000/v1", apiKey: "sk-…", model: "gpt-4o-mini-transcribe", useRealtime: false })
const tts = new TTS({ baseURL: "http://aviary:8000/v1", apiKey: "sk-…", model: "tts-1" })`,
    ],
  },
  {
    name: "Open WebUI",
    blocks: [
      `AUDIO_STT_ENGINE=openai
AUDIO_STT_OPENAI_API_BASE_URL=http://aviary:8000/v1
AUDIO_STT_OPENAI_API_KEY=sk-…
AUDIO_STT_MODEL=whisper-1
AUDIO_TTS_ENGINE=openai
AUDIO_TTS_OPENAI_API_BASE_URL=http://aviary:8000/v1
AUDIO_TTS_OPENAI_API_KEY=sk-…
AUDIO_TTS_MODEL=tts-1
AUDIO_TTS_VOICE=alloy`,
    ],
  },
  {
    name: "Home Assistant",
    blocks: [
      `AVIARY_HOST=0.0.0.0 AVIARY_ACCESS=keys AVIARY_WYOMING_PORT=10300 AVIARY_WYOMING_KEY=sk-…`,
      `sfortis/openai_tts:
  URL: http://aviary:8000/v1/audio/speech
  model: tts-1
  voice: alloy
einToast/openai_stt_ha:
  API URL: http://aviary:8000/v1
  model: whisper-1`,
    ],
  },
  {
    name: "wyoming_openai",
    blocks: [
      `STT_OPENAI_URL=http://aviary:8000/v1
STT_OPENAI_KEY=sk-…
STT_MODELS=whisper-1
STT_STREAMING_MODELS=gpt-4o-mini-transcribe
TTS_OPENAI_URL=http://aviary:8000/v1
TTS_OPENAI_KEY=sk-…
TTS_MODELS=tts-1
TTS_STREAMING_MODELS=tts-1
TTS_VOICES=alloy nova
WYOMING_LANGUAGES=en
TTS_BACKEND=OPENAI
STT_BACKEND=OPENAI`,
    ],
  },
  {
    name: "LibreChat",
    blocks: [
      `speech:
  tts:
    openai:
      url: "http://aviary:8000/v1/audio/speech"
      apiKey: "\${SPEECH_KEY}"
      model: "tts-1"
      voices: ["alloy", "nova"]
  stt:
    openai:
      url: "http://aviary:8000/v1/audio/transcriptions"
      apiKey: "\${SPEECH_KEY}"
      model: "whisper-1"`,
    ],
  },
  {
    name: "SillyTavern",
    blocks: [
      `Extensions → TTS → OpenAI Compatible:
  Provider Endpoint: http://aviary:8000/v1/audio/speech
  Model: tts-1
  Available Voices: alloy,nova
Extensions → Speech Recognition → OpenAI Compatible:
  Provider Endpoint: http://aviary:8000/v1/audio/transcriptions
  Model: whisper-1`,
    ],
  },
  {
    name: "AnythingLLM",
    blocks: [
      `TTS_PROVIDER=generic-openai
TTS_OPEN_AI_COMPATIBLE_ENDPOINT=http://aviary:8000/v1
TTS_OPEN_AI_COMPATIBLE_KEY=sk-…
TTS_OPEN_AI_COMPATIBLE_MODEL=tts-1
TTS_OPEN_AI_COMPATIBLE_VOICE_MODEL=alloy
STT_PROVIDER=generic-openai
STT_OPEN_AI_COMPATIBLE_ENDPOINT=http://aviary:8000/v1
STT_OPEN_AI_COMPATIBLE_KEY=sk-…
STT_OPEN_AI_COMPATIBLE_MODEL=whisper-1
WHISPER_PROVIDER=generic-openai
WHISPER_GENERIC_OPEN_AI_BASE_URL=http://aviary:8000/v1
WHISPER_GENERIC_OPEN_AI_MODEL=whisper-1`,
    ],
  },
  {
    name: "LiteLLM",
    blocks: [
      `model_list:
  - model_name: whisper
    litellm_params: { model: openai/whisper-1, api_base: http://aviary:8000/v1, api_key: os.environ/SPEECH_KEY }
    model_info: { mode: audio_transcription }
  - model_name: tts
    litellm_params: { model: openai/tts-1, api_base: http://aviary:8000/v1, api_key: os.environ/SPEECH_KEY }
    model_info: { mode: audio_speech }`,
    ],
  },
  {
    name: "Subtitles",
    blocks: [
      `curl http://aviary:8000/v1/audio/transcriptions -H "authorization: Bearer $OPENAI_API_KEY" \\
  -F file=@film.mp4 -F model=whisper-1 -F response_format=srt`,
      `ffmpeg -i film.mkv -vn -c:a libopus -b:a 16k -application voip film.ogg`,
    ],
  },
  {
    name: "Web pages",
    blocks: [
      `const answer = await fetch("https://aviary.example.com/v1/audio/speech", {
  method: "POST",
  headers: { "content-type": "application/json", authorization: "Bearer sk-…" },
  body: JSON.stringify({ model: "tts-1", voice: "alloy", input: "Good morning." }),
})
new Audio(URL.createObjectURL(await answer.blob())).play()`,
    ],
  },
]
