import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { makeDice } from "./dice.ts"

/** Harvard sentences and others, without figures, so that what is heard is spelled in one way. */
const sentences = (
  JSON.parse(readFileSync(fileURLToPath(new URL("./sentences.json", import.meta.url)), "utf8")) as ReadonlyArray<
    ReadonlyArray<string>
  >
).flatMap(([text, ...spelled]) => (spelled.length === 0 && !/\d/.test(text!) ? [text!] : []))

const ordinals = ["one", "two", "three", "four"]
const emoji = ["😀", "🎉🎉", "👨‍👩‍👧", "👍🏽", "🇩🇪", "❤️"]
const addresses = ["https://example.com/a/b?c=d#e", "<https://example.com/x>", "www.example.com/y"]
const code = ["x = 1\nprint(x ** 2)", "for (;;) { /* | # * */ }", '{"a": [1, 2]}', "rm -rf /tmp/*"]

interface Block {
  readonly markdown: string
  /** The words of it that a person would read. */
  readonly words: string
}

/** A document and its plain words. */
export interface MarkdownDocument {
  readonly text: string
  readonly words: string
}

const blocksFor = ({ below, chance, pick }: ReturnType<typeof makeDice>) => {
  const sentence = () => pick(sentences)
  /** A sentence with marks here and there. */
  const marked = (): Block => {
    const said = sentence()
    const around = pick(["*", "**", "_", "`", "~~", "***"])
    const written = said
      .split(" ")
      .map((word) => (chance(0.15) && /^[a-z]+$/.test(word) ? `${around}${word}${around}` : word))
      .join(" ")
    return { markdown: written, words: said }
  }
  const several = (make: () => Block, separator: string): Block => {
    const all = Array.from({ length: 1 + below(2) }, make)
    return {
      markdown: all.map(({ markdown }) => markdown).join(separator),
      words: all.map(({ words }) => words).join(" "),
    }
  }
  const cells = (): ReadonlyArray<string> => [sentence(), sentence()].map((text) => text.replace(/[.?!]$/, ""))
  const blocks: ReadonlyArray<() => Block> = [
    () => several(marked, " "),
    () => {
      const { markdown, words } = marked()
      const title = markdown.replace(/[.?!]$/, "")
      return { markdown: chance(0.7) ? `${"#".repeat(1 + below(4))} ${title}` : `${title}\n====`, words }
    },
    () => several(() => ((one) => ({ ...one, markdown: `${pick(["-", "*", "+"])} ${one.markdown}` }))(marked()), "\n"),
    () => {
      const all = Array.from({ length: 1 + below(3) }, marked)
      return {
        markdown: all.map(({ markdown }, index) => `${index + 1}. ${markdown}`).join("\n"),
        words: all.map(({ words }, index) => `${ordinals[index]} ${words}`).join(" "),
      }
    },
    () => {
      const rows = [cells(), cells()]
      const [head, body] = rows.map((row) => `| ${row.join(" | ")} |`)
      return { markdown: `${head}\n|---|:--:|\n${body}`, words: rows.flat().join(" ") }
    },
    () => {
      const language = pick(["python", ""])
      const name = language === "" ? "a block of code" : `a block of code in ${language}`
      return { markdown: `\`\`\`${language}\n${pick(code)}\n\`\`\``, words: name }
    },
    () => ((one) => ({ ...one, markdown: `> ${one.markdown}` }))(marked()),
    () => {
      const [before, text] = [sentence(), sentence().replace(/[.?!]$/, "")]
      return { markdown: `${before} [${text}](https://a.example/b_c*d).`, words: `${before} ${text}` }
    },
    () => ((said) => ({ markdown: `${said} ${pick(addresses)}`, words: `${said} example dot com` }))(sentence()),
    () => ((one) => ({ ...one, markdown: `${one.markdown} ${pick(emoji)}` }))(marked()),
    () => ((one) => ({ ...one, markdown: `- [${pick([" ", "x"])}] ${one.markdown}` }))(marked()),
    () => ((said) => ({ markdown: `<div>${said}<br></div>`, words: said }))(sentence()),
    () => ({ markdown: pick(["---", "* * *", "==========", "![](a.png)", "|---|---|", "🎉"]), words: "" }),
  ]
  return () => pick(blocks)()
}

/** The same documents for the same seed, of one to three blocks each. */
export const markdownDocuments = (seed: number, count: number): ReadonlyArray<MarkdownDocument> => {
  const dice = makeDice(seed)
  const block = blocksFor(dice)
  return Array.from({ length: count }, () => {
    const blocks = Array.from({ length: 1 + dice.below(3) }, block)
    return {
      text: blocks.map(({ markdown }) => markdown).join("\n\n"),
      words: blocks
        .map(({ words }) => words)
        .join(" ")
        .trim(),
    }
  })
}
