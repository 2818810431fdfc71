/** Sounds that Flite's English has, by how IPA writes them, with several ways to write one. The others are the nearest it has. */
const phones: Readonly<Record<string, string>> = {
  ...{
    aɪ: "ay",
    aʊ: "aw",
    eɪ: "ey",
    oʊ: "ow",
    əʊ: "ow",
    ɔɪ: "oy",
    ɔʏ: "oy",
    ɪə: "ih ax",
    eə: "eh ax",
    ɛə: "eh ax",
    ʊə: "uh ax",
  },
  ...{
    i: "iy",
    ɪ: "ih",
    ɨ: "ih",
    y: "uw",
    ʏ: "uh",
    e: "eh",
    ɛ: "eh",
    æ: "ae",
    a: "aa",
    ɑ: "aa",
    ɒ: "aa",
    ɔ: "ao",
    o: "ow",
  },
  ...{
    ʊ: "uh",
    u: "uw",
    ʉ: "uw",
    ɯ: "uw",
    ʌ: "ah",
    ɐ: "ah",
    ə: "ax",
    ɵ: "ax",
    ɜ: "er",
    ɝ: "er",
    ɚ: "er",
    ø: "er",
    œ: "er",
  },
  ...{ ɜɹ: "er", ɜr: "er", əɹ: "er", ər: "er" },
  ...{ p: "p", b: "b", t: "t", d: "d", ɾ: "d", k: "k", q: "k", ɡ: "g", g: "g", f: "f", ɸ: "f", v: "v", β: "v", ʋ: "v" },
  ...{
    θ: "th",
    ð: "dh",
    s: "s",
    z: "z",
    ʃ: "sh",
    ʂ: "sh",
    ɕ: "sh",
    ʒ: "zh",
    ʐ: "zh",
    ʑ: "zh",
    ç: "hh",
    x: "k",
    χ: "k",
  },
  ...{ h: "hh", ɦ: "hh", ħ: "hh", tʃ: "ch", ʧ: "ch", tɕ: "ch", dʒ: "jh", ʤ: "jh", dʑ: "jh", ʦ: "t s", ʣ: "d z" },
  ...{ m: "m", n: "n", ɳ: "n", ŋ: "ng", ɲ: "n y", l: "l", ɫ: "l", ɭ: "l", ʎ: "l y", ɬ: "sh l" },
  ...{ r: "r", ɹ: "r", ɻ: "r", ɽ: "r", ʁ: "r", ʀ: "r", w: "w", ʍ: "w", ɥ: "w", j: "y", ɣ: "g", ʔ: "" },
}

const vowels = new Set("iy ih uw uh eh ey ae aa ao ow ah ax er ay aw oy".split(" "))

/** Syllables of which a consonant is the middle: `ˈbʌtn̩`. */
const syllabic = /([lmnr])\u0329/gu

/** Lengths, ties, breaks between syllables, and how a sound is coloured: Flite has no say in those. */
const ignored = /[\p{M}ːˑ‿.|‖\s\u02B0-\u02B8\u02E0-\u02E4˞ˡⁿ‑-]/gu

/** The sound at `at`, the longest that there is. */
const soundAt = (ipa: string, at: number): string | undefined =>
  [ipa.slice(at, at + 2), ipa.slice(at, at + 1)].find((one) => one !== "" && Object.hasOwn(phones, one))

/** `ipa` in the sounds of Flite's English, each vowel with its stress behind it; undefined where it has none for one of them. */
export const phonesOf = (ipa: string): string | undefined => {
  const plain = ipa.normalize("NFD").replaceAll("c\u0327", "ç").replaceAll(syllabic, "ə$1").replaceAll(ignored, "")
  const found: Array<string> = []
  let stressed = !plain.includes("ˈ")
  for (let at = 0; at < plain.length;) {
    if (plain[at] === "ˈ" || plain[at] === "ˌ") {
      stressed ||= plain[at] === "ˈ"
      at += 1
      continue
    }
    const sound = soundAt(plain, at)
    if (sound === undefined) return undefined
    at += sound.length
    for (const phone of phones[sound]!.split(" ").filter((one) => one !== "")) {
      found.push(vowels.has(phone) ? `${phone}${stressed ? 1 : 0}` : phone)
      if (vowels.has(phone)) stressed = false
    }
  }
  return found.length === 0 ? undefined : found.join(" ")
}
