/** How one client is pointed at a gateway: lines to copy, with `$OPENAI_API_KEY` where a key goes. */
export interface Client {
  readonly name: string
  readonly lines: string
  readonly note?: string
}

/** What is pointed at gateways most, for the one at `origin`; docs/clients.md has more. */
export const clients = (origin: string): ReadonlyArray<Client> => [
  {
    name: "curl",
    lines: `curl ${origin}/v1/audio/speech -H "authorization: Bearer $OPENAI_API_KEY" -H "content-type: application/json" \\
  -d '{"model":"tts-1","voice":"alloy","input":"The birds are singing in the morning."}' -o birds.mp3
curl ${origin}/v1/audio/transcriptions -H "authorization: Bearer $OPENAI_API_KEY" -F model=whisper-1 -F file=@birds.mp3`,
  },
  {
    name: "OpenAI for Python",
    lines: `from openai import OpenAI

client = OpenAI(base_url="${origin}/v1")
with client.audio.speech.with_streaming_response.create(model="tts-1", voice="alloy", input="Good morning.") as speech:
    speech.stream_to_file("morning.mp3")
print(client.audio.transcriptions.create(model="whisper-1", file=open("morning.mp3", "rb")).text)`,
    note: "The key comes from OPENAI_API_KEY.",
  },
  {
    name: "OpenAI for JavaScript",
    lines: `import OpenAI from "openai"

const client = new OpenAI({ baseURL: "${origin}/v1" })
const speech = await client.audio.speech.create({ model: "tts-1", voice: "alloy", input: "Good morning." })`,
    note: "The key comes from OPENAI_API_KEY. In a browser, AVIARY_CORS_ORIGINS must name the page's origin.",
  },
  {
    name: "Open WebUI",
    lines: `AUDIO_TTS_ENGINE=openai
AUDIO_TTS_OPENAI_API_BASE_URL=${origin}/v1
AUDIO_TTS_OPENAI_API_KEY=$OPENAI_API_KEY
AUDIO_TTS_MODEL=tts-1
AUDIO_TTS_VOICE=alloy
AUDIO_STT_ENGINE=openai
AUDIO_STT_OPENAI_API_BASE_URL=${origin}/v1
AUDIO_STT_OPENAI_API_KEY=$OPENAI_API_KEY
AUDIO_STT_MODEL=whisper-1`,
    note: "From a container, this machine is host.docker.internal, not 127.0.0.1. After its first start Open WebUI keeps these in its database: change them under Admin Settings, Audio.",
  },
  {
    name: "Home Assistant",
    lines: `URL for speech:        ${origin}/v1/audio/speech
URL for transcription: ${origin}/v1/audio/transcriptions
Base URL:              ${origin}/v1
Models:                tts-1, whisper-1
Voice:                 alloy
Key:                   $OPENAI_API_KEY`,
    note: "Integrations ask for a full URL or for the base URL.",
  },
  {
    name: "LibreChat",
    lines: `speech:
  tts:
    openai:
      url: "${origin}/v1/audio/speech"
      apiKey: "\${OPENAI_API_KEY}"
      model: "tts-1"
      voices: ["alloy"]
  stt:
    openai:
      url: "${origin}/v1/audio/transcriptions"
      apiKey: "\${OPENAI_API_KEY}"
      model: "whisper-1"`,
  },
]
