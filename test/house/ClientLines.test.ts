import { expect, it } from "vitest"
import { read } from "./Tree.ts"

/** A block of a page, below the heading of its client. */
const block = /^```\w+\n([\s\S]*?)\n```$/gm

/** Every client of the page that has lines to copy; the page's own first block is of no client. */
const sections = read("docs/clients.md")
  .split(/^## /m)
  .slice(1)
  .map((section) => ({
    name: section.split("\n", 1)[0]!,
    blocks: Array.from(section.matchAll(block), ([, lines]) => lines!),
  }))
  .filter(({ blocks }) => blocks.length > 0)

/** What looks like an import of the page's own is none. */
const quoted = (text: string) =>
  `\`${text.replace(/[\\`]|\$(?=\{)/g, "\\$&").replace(/\b(from |import\()"/g, String.raw`$1\x22`)}\``

const written = `/** The lines to copy of docs/clients.md, by client; a test of the house writes them. */
export const clientLines: ReadonlyArray<{ readonly name: string; readonly blocks: ReadonlyArray<string> }> = [
${sections
  .map(({ blocks, name }) => {
    const listed = blocks.map((lines) => `      ${quoted(lines)},\n`).join("")
    return `  {\n    name: ${JSON.stringify(name)},\n    blocks: [\n${listed}    ],\n  },\n`
  })
  .join("")}]
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
