/**
 * The items of a list as they were written, each in its words. Commas part items and white space parts words, but within double quotes
 * and brackets, which stand in values.
 */
export const itemsOf = (written: string): ReadonlyArray<ReadonlyArray<string>> => {
  const items: Array<Array<string>> = [[]]
  let word = ""
  let depth = 0
  let quoted = false
  const endWord = () => {
    if (word !== "") items.at(-1)!.push(word)
    word = ""
  }
  for (let at = 0; at < written.length; at++) {
    const character = written[at]!
    if (quoted && character === "\\") {
      word += character + (written[++at] ?? "")
      continue
    }
    if (character === '"') quoted = !quoted
    else if (!quoted && character === "[") depth++
    else if (!quoted && character === "]") depth--
    const isPlain = quoted || depth > 0
    if (!isPlain && /\s/.test(character)) endWord()
    else if (!isPlain && character === ",") {
      endWord()
      items.push([])
    } else word += character
  }
  endWord()
  return items.filter((words) => words.length > 0)
}

/** What stands before the first `=` of a word, and after it without the quotes around it. */
export const optionOf = (word: string): readonly [name: string, value: string] => {
  const at = word.indexOf("=")
  if (at === -1) return [word, ""]
  const value = word.slice(at + 1)
  return [word.slice(0, at), value.length > 1 && value.startsWith('"') && value.endsWith('"') ? unquoted(value) : value]
}

const unquoted = (value: string) => value.slice(1, -1).replace(/\\(.)/g, "$1")
