/** Pictures, also those that are sent without the sign that they are one, such as a heart; but the signs that are read: © ™ ↔. */
const picture = String.raw`(?:[\p{Extended_Pictographic}--[\xA9\xAE\u203C\u2049\u2122\u2139\u2194-\u2199\u21A9\u21AA]]|\p{Emoji_Modifier}|\p{RI})[\uFE0E\uFE0F\p{Emoji_Modifier}\u{E0020}-\u{E007F}]*`

/** Families, professions and flags among them; the engine's own table is as new as its ICU. */
const anEmoji = `(?:${picture}(?:\\u200D${picture})*|\\p{RGI_Emoji})`
const emoji = new RegExp(anEmoji, "gv")
const emojiBeforeMark = new RegExp(`\\s*${anEmoji}+(?=\\s*[.,!?;:])`, "gv")

/** A key of a telephone, which is read as what stands on it. */
const keycap = /([\d#*])\uFE0F?\u20E3/gv
const nextKeycap = /([\d#*])\uFE0F?\u20E3(?=[\d#*]\uFE0F?\u20E3)/gv

/** A row of one symbol, which is drawn and not read. Dots are a pause. */
const drawn = /([\-=_*~#\|+<>\\\/^`•·─━═—–])\1{2,}/gv

/** What of `text` is read aloud: without emoji, and without rows of symbols. */
export const readAloud = (text: string): string =>
  text
    .replaceAll(nextKeycap, "$1 ")
    .replaceAll(keycap, "$1")
    .replaceAll(emojiBeforeMark, "")
    .replaceAll(emoji, " ")
    .replaceAll(drawn, " ")

/** Marks of markdown, an address, a row of symbols or an emoji. What has none of them is read as it stands. */
const marks =
  /[*_`~#<>\[\]\|\\]|&#?\w{2,31};|https?:\/\/|www\.|^[ \t]{0,3}(?:[\-+•]|\d{1,9}[.\)])[ \t]|([\-=+·─━═—–])\1{2}|\p{RGI_Emoji}|[\p{Extended_Pictographic}\p{RI}\u20E3]/imv

/** Whether `text` may hold something that a reader would not read as it is written. Cheap: every text is asked. */
export const mayNeedReading = (text: string): boolean => marks.test(text)

const ended = /[.!?…:;,。！？：；、][\p{Pe}\p{Pf}"'”’»]*$/u

/** `text` as a sentence of its own, with a full stop where it has no end; empty where there is nothing to say. */
export const asSentence = (text: string): string => {
  const trimmed = text.replaceAll(/\s+/gu, " ").trim()
  if (!/[\p{L}\p{N}]/u.test(trimmed)) return ""
  return ended.test(trimmed) ? trimmed : `${trimmed}.`
}
