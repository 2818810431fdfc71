/** Words a second that nobody speaks: fast human speech has about four. */
const fastest = 5

/** Longest group of words that is looked for. */
const longestGroup = 8

/**
 * Whether `text` looks like a recognizer that has begun to repeat itself: a group of words three times in a row, or more
 * words than `seconds` of audio can hold. People do say "no, no, no": it is a reason to listen once more, no more.
 */
export const repeatsItself = (text: string, seconds: number): boolean => {
  const words = text.toLowerCase().match(/[\p{L}\p{N}']+/gu) ?? []
  return words.length > fastest * Math.max(1, seconds) || hasTriple(words)
}

const hasTriple = (words: ReadonlyArray<string>): boolean => {
  for (let size = 1; size <= longestGroup; size += 1) {
    let same = 0
    for (let at = size; at < words.length; at += 1) {
      same = words[at] === words[at - size] ? same + 1 : 0
      if (same === 2 * size) return true
    }
  }
  return false
}
