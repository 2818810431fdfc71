/** Emoji as Unicode recommends them, families and flags among them; the engine's own table is as new as its ICU. */
const emoji = /\p{RGI_Emoji}/gv
const emojiBeforeMark = /\s*\p{RGI_Emoji}+(?=\s*[.,!?;:])/gv

/** A row of one symbol, which is drawn and not read. Dots are a pause. */
const drawn = /([\-=_*~#\|+<>\\\/^`•·─━═—–])\1{2,}/gv

/** What of `text` is read aloud: without emoji, and without rows of symbols. */
export const readAloud = (text: string): string =>
  text.replaceAll(emojiBeforeMark, "").replaceAll(emoji, " ").replaceAll(drawn, " ")

/** Marks of markdown, an address, a row of symbols or an emoji. What has none of them is read as it stands. */
const marks =
  /[*_`~#<>\[\]\|\\]|&#?\w{2,31};|https?:\/\/|www\.|^[ \t]{0,3}(?:[\-+•]|\d{1,9}[.\)])[ \t]|([\-=+·─━═—–])\1{2}|\p{RGI_Emoji}/imv

/** Whether `text` may hold something that a reader would not read as it is written. Cheap: every text is asked. */
export const mayNeedReading = (text: string): boolean => marks.test(text)

const ended = /[.!?…:;,。！？：；、][\p{Pe}\p{Pf}"'”’»]*$/u

/** `text` as a sentence of its own, with a full stop where it has no end; empty where there is nothing to say. */
export const asSentence = (text: string): string => {
  const trimmed = text.replaceAll(/\s+/gu, " ").trim()
  if (!/[\p{L}\p{N}]/u.test(trimmed)) return ""
  return ended.test(trimmed) ? trimmed : `${trimmed}.`
}
