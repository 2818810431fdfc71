import { makeDice } from "./dice.ts"

const words =
  "the of and to a in is that it was for on are as with his they at be this from have or by one had not but what all were when we there can an your which their said if do will each about how up out them then she many some so these would other into has more her two like him see time could no make than first been its who now people my made over did down only way find use may water long little very after words called just where most know through though thought drought strengths rhythm queue eye Wednesday colonel squirrel worcestershire strength months sixths twelfths".split(
    " ",
  )
const acronyms = "NASA HTTP URL GPU CPU WWW FAQ USA EU XML JSON TTS STT NIM ABCDEFG RSVP ASAP BBC NVIDIA".split(" ")
const german = "Donaudampfschifffahrtsgesellschaftskapitän Straße Rechtsschutzversicherungsgesellschaften über".split(
  " ",
)
const accented = "café naïve crème brûlée jalapeño Łódź þing Øresund piñata İstanbul ə".split(" ")
const scripts = [
  "Доброе утро, дамы и господа.",
  "صباح الخير يا أصدقائي",
  "今天天气很好，我们去公园。",
  "今日はとても良い天気ですね。",
  "안녕하세요 여러분",
  "नमस्ते दुनिया",
  "Καλημέρα σας",
  "שלום לכולם",
  "สวัสดีครับ",
]
const emoji = ["😀", "👨‍👩‍👧", "🎉🎉🎉", "❤️", "🇩🇪", "👍🏽"]
const rows = "=-+*_#~./\\|<>@&%$^!?()[]{}:;'\"`°€£→•…—".split("")
const urls = [
  "https://example.com/a/b?c=d&e=f#g",
  "www.openai.com",
  "user.name+tag@mail.example.org",
  "/usr/local/bin/node --version",
  "C:\\Users\\me\\file.txt",
]
const code = [
  "for (let i = 0; i < n; i++) { sum += a[i] }",
  "const x = y ?? (z !== 3 ? 'a' : `b${c}`);",
  "SELECT * FROM t WHERE id >= 10;",
  '<div class="row">&nbsp;</div>',
  "| a | b |\n|---|---|\n| 1 | 2 |",
  "# Title\n\n- **bold** item\n- _other_ item\n\n```js\nx => x ** 2\n```",
  "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
]
const numbers = [
  "1,234,567.89",
  "$19.99",
  "+1 (555) 010-9999",
  "2026-11-29",
  "12:34:56",
  "3.14159265358979323846",
  "XVIII",
  "½",
  "10^100",
  "1e-9",
  "50%",
  "III.",
]

/** `count` texts such as people, programs and language models send, the same every time for one `seed`. */
export const ordinaryTexts = (seed: number, count: number): ReadonlyArray<string> => {
  const { below, pick: oneOf } = makeDice(seed)
  const times = (limit: number, make: () => string, between = "") =>
    Array.from({ length: 1 + below(limit) }, make).join(between)
  const digits = () => times(40, () => String(below(10)))
  const kinds: ReadonlyArray<() => string> = [
    () => times(12, () => oneOf(words), " "),
    () => times(12, () => oneOf(words), " "),
    () => times(6, () => oneOf(words), " ").toUpperCase(),
    () => times(4, () => oneOf(acronyms), " "),
    () => times(4, () => oneOf(numbers), " "),
    digits,
    () => oneOf(rows).repeat(1 + below(50)),
    () => times(12, () => oneOf(rows), oneOf(["", " "])),
    () => oneOf(scripts),
    () => times(3, () => oneOf(emoji), " "),
    () => oneOf(urls),
    () => oneOf(code),
    () => `${oneOf(words)} `.repeat(2 + below(30)),
    () => oneOf(words).repeat(2 + below(12)),
    () => oneOf("0123456789aehiowxz".split("")).repeat(1 + below(60)),
    () =>
      oneOf("aeiwx1".split(""))
        .concat(" ")
        .repeat(1 + below(40)),
    () => times(3, () => oneOf(german), " "),
    () => times(3, () => oneOf(accented), " "),
    () => times(25, () => oneOf("abcdefghijklmnopqrstuvwxyz".split(""))),
    () => times(8, () => `${oneOf("ABCDEFGHIJ".split(""))}.`, " "),
  ]
  return Array.from({ length: count }, () => {
    const parts = times(4, () => oneOf(kinds)(), oneOf([" ", ". ", ", ", "\n", ": "]))
    return `${parts}${oneOf(["", ".", "!", "?", "…"])}`
  })
}
