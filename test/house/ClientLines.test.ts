import { expect, it } from "vitest"
import { read } from "./Tree.ts"

/** A block of a page, below the heading of its client. */
const block = /^```(\w+)\n([\s\S]*?)\n```$/gm

const languages: Readonly<Record<string, string>> = {
  ts: "JavaScript",
  python: "Python",
  sh: "shell",
  yaml: "settings",
}

/** Every client of the page that has lines to copy; the page's own first block is of no client. */
const sections = read("docs/clients.md")
  .split(/^## /m)
  .slice(1)
  .flatMap((section) => {
    const [heading] = section.split("\n", 1)
    const blocks = Array.from(section.matchAll(block), ([, language, lines]) => ({
      language: language!,
      lines: lines!,
    }))
    return blocks.map(({ language, lines }, index) => ({
      name: blocks.length === 1 ? heading! : `${heading}, ${languages[language]}${sameBefore(blocks, index)}`,
      lines,
    }))
  })

function sameBefore(blocks: ReadonlyArray<{ readonly language: string }>, index: number): string {
  const same = blocks.slice(0, index).filter(({ language }) => language === blocks[index]!.language).length
  return same === 0 ? "" : ` ${same + 1}`
}

const quoted = (text: string) => `\`${text.replace(/[\\`]|\$(?=\{)/g, "\\$&")}\``

const written = `/** The lines to copy of docs/clients.md, by client; a test of the house writes them. */
export const clientLines: ReadonlyArray<{ readonly name: string; readonly lines: string }> = [
${sections.map(({ lines, name }) => `  {\n    name: ${JSON.stringify(name)},\n    lines: ${quoted(lines)},\n  },\n`).join("")}]
`

// After a change of the page: npm test -- test/house/ClientLines.test.ts -u
it("the lines to copy of the console's Settings page are those of docs/clients.md", async () => {
  expect(sections.length).toBeGreaterThan(12)
  await expect(written).toMatchFileSnapshot("../../src/console/page/clientLines.ts")
})

it("no client of the page's table that is set up by lines is without some on the Settings page", () => {
  const listed = Array.from(read("docs/clients.md").matchAll(/^\| .*?\]\(#([\w-]+)\)/gm), ([, anchor]) => anchor!)
  const slug = (name: string) =>
    name
      .split(",", 1)[0]!
      .toLowerCase()
      .replace(/[^\w -]/g, "")
      .replaceAll(" ", "-")
  const shown = new Set(sections.map(({ name }) => slug(name)))
  expect(listed.filter((anchor) => !shown.has(anchor))).toEqual([])
})
