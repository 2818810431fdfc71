import { remembered } from "../audio/Remembered.ts"

// NVIDIA serves these with another region than CLDR thinks likeliest (es-ES, ar-EG).
const nvidiaRegion: Readonly<Record<string, string>> = { es: "es-US", ar: "ar-AR" }

/**
 * The full BCP 47 tag that a NIM wants: it knows `en-US` and refuses `en`, which is what OpenAI's clients send.
 * A tag that has a region keeps it; `multi`, which is no tag, and what cannot be read pass unchanged.
 */
export const engineLanguage = remembered((language: string): string => {
  const written = language.trim().replaceAll("_", "-")
  if (written.toLowerCase() === "multi") return "multi"
  try {
    const locale = new Intl.Locale(written)
    if (locale.region !== undefined) return `${locale.language}-${locale.region}`
    const region = locale.maximize().region
    return nvidiaRegion[locale.language] ?? (region === undefined ? written : `${locale.language}-${region}`)
  } catch {
    return written
  }
}, 1_000)
