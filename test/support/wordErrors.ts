const spelled: Readonly<Record<string, string>> = { mr: "mister", mrs: "missus", dr: "doctor" }

export const words = (text: string): ReadonlyArray<string> =>
  (text.toLowerCase().match(/[\p{L}\p{N}']+/gu) ?? []).map((word) => spelled[word] ?? word)

/** Insertions, deletions and substitutions of words that turn `expected` into `heard`. */
export const wordErrors = (expected: string, heard: string): number => {
  const from = words(expected)
  const to = words(heard)
  let row = Array.from({ length: to.length + 1 }, (_, j) => j)
  for (const [i, word] of from.entries()) {
    const next = [i + 1]
    for (const [j, other] of to.entries()) {
      next.push(Math.min(row[j]! + (word === other ? 0 : 1), row[j + 1]! + 1, next[j]! + 1))
    }
    row = next
  }
  return row[to.length]!
}

/** Word errors as a share of the words expected. */
export const wordErrorRate = (expected: string, heard: string): number => {
  const errors = wordErrors(expected, heard)
  return errors === 0 ? 0 : errors / Math.max(1, words(expected).length)
}
