/** What people write where they mean that the engine should find out, or nothing at all. */
const unsaid = /^(auto|detect|default|none|null|undefined|und)?$/i

/** Names that recognizers know and CLDR does not, or has another language behind. */
const furtherNames: Readonly<Record<string, string>> = {
  castilian: "es",
  flemish: "nl",
  haitian: "ht",
  letzeburgesch: "lb",
  mandarin: "zh",
  moldavian: "ro",
  moldovan: "ro",
  myanmar: "my",
  nynorsk: "nn",
  panjabi: "pa",
  pushto: "ps",
  sinhalese: "si",
  tagalog: "tl",
  valencian: "ca",
}

/** Codes whose English name is another one for OpenAI's clients than CLDR's. */
const ownNames: Readonly<Record<string, string>> = { my: "myanmar", nn: "nynorsk", fil: "tagalog" }

const englishNames = new Intl.DisplayNames(["en"], { type: "language", fallback: "none", languageDisplay: "standard" })

const letters = "abcdefghijklmnopqrstuvwxyz"

let codes: ReadonlyMap<string, string> | undefined

/** The two-letter code of each language by its English name, in lower case. */
const codeOf = (name: string): string | undefined => {
  codes ??= new Map([
    ...Array.from(letters).flatMap((a) =>
      Array.from(letters).flatMap((b) => {
        const known = englishNames.of(a + b)
        return known === undefined ? [] : [[known.toLowerCase(), a + b] as const]
      }),
    ),
    ...Object.entries(furtherNames),
  ])
  return codes.get(name)
}

/**
 * The BCP 47 tag that `written` means: `en`, `en_GB`, `EN-us`, `eng`, `English`, `en_US.UTF-8`. `none`: nothing is meant, as by `auto`
 * and by an empty text. `unreadable`: no language. `multi`, which is an engine's own word, stays.
 */
export const readLanguage = (written: string): { readonly tag: string } | "none" | "unreadable" => {
  const bare = written
    .trim()
    .replace(/[.@].*$/, "")
    .replaceAll("_", "-")
  if (unsaid.test(bare)) return "none"
  if (bare.toLowerCase() === "multi") return { tag: "multi" }
  const named = codeOf(bare.toLowerCase().replaceAll("-", " "))
  if (named !== undefined) return { tag: named }
  // Longer first parts are well-formed, too, and name nothing.
  if (!/^[A-Za-z]{2,3}(-|$)/.test(bare)) return "unreadable"
  try {
    return { tag: Intl.getCanonicalLocales(bare)[0]! }
  } catch {
    return "unreadable"
  }
}

/** The English name of `language`, BCP 47 or a name, in lower case: what OpenAI's clients look up. What has none stays as it is. */
export const languageName = (language: string): string => {
  const read = readLanguage(language)
  if (typeof read === "string") return language.toLowerCase()
  const code = read.tag.split("-", 1)[0]!
  try {
    return ownNames[code] ?? englishNames.of(code)?.toLowerCase() ?? code
  } catch {
    return code
  }
}
