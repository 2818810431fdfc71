import { existsSync } from "node:fs"
import { join, posix } from "node:path"
import { expect, it } from "vitest"
import { NimFault } from "../../src/nim/NimFault.ts"
import { canChange } from "../../src/SettingKinds.ts"
import { table } from "../../src/Settings.ts"
import { files, read, root } from "./Tree.ts"

const pages = files.filter((path) => path.endsWith(".md"))

const cell = (text: string) => text.replaceAll("|", "\\|")

const configuration = `# Configuration

Settings are environment variables. One that is set but empty counts as unset.
\`aviary --config aviary.toml\` reads them from a file as well: \`url\` of the table \`[magpie]\` is \`AVIARY_MAGPIE_URL\`, what is JSON here is a table there, and
a list stands for what is separated by commas here, or for the words of a restart command. A file with another ending holds lines of \`NAME=value\`. The environment wins over
the file, and the flags \`--port\`, \`--host\` and \`--data-dir\` over both. \`aviary check\` looks at all of it, and at the engines, without starting anything.
A value that is not accepted stops the start with one line that names the setting, the value and what is accepted, and the line of the file.
So does a name that begins with \`AVIARY_\` and is none of these, or is one of these but for two slips; the line names the nearest one.
Settings that change "while it runs" are taken from the file again at SIGHUP, or by \`aviary settings reload\`: see
[Changing settings while it runs](operations.md#changing-settings-while-it-runs).
What Kubernetes sets for a Service called \`aviary\`, \`AVIARY_PORT=tcp://…\` too, counts as unset.

| name | default | accepts | changes | meaning |
|---|---|---|---|---|
${Object.values(table)
  .map((one) =>
    [
      `\`${one.name}\``,
      one.default === undefined ? "unset" : one.default === "" ? "none" : `\`${one.default}\``,
      cell(one.accepts) + (one.secret ? "; never shown" : ""),
      canChange<unknown>(one) ? "while it runs" : "at a restart",
      cell(one.meaning),
    ].join(" | "),
  )
  .map((row) => `| ${row} |\n`)
  .join("")}`

// After a change of the table: npm test -- test/house/Docs.test.ts -u
it("docs/configuration.md is the table of settings", async () => {
  await expect(configuration).toMatchFileSnapshot("../../docs/configuration.md")
})

it("docs/nim.md names every kind of fault and its fields", () => {
  const page = read("docs/nim.md")
  for (const { fields } of NimFault.members) {
    const [kind, ...others] = Object.entries(fields)
    expect(page).toContain(`| \`${(kind![1] as unknown as { readonly literal: string }).literal}\` |`)
    for (const [name] of others) expect(page).toContain(`\`${name}\``)
  }
})

const slug = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-")

const anchors = (page: string) => Array.from(read(page).matchAll(/^#+ (.+)$/gm), ([, heading]) => slug(heading!))

it("every relative link leads somewhere", () => {
  const links = pages.flatMap((page) =>
    Array.from(read(page).matchAll(/\]\((?!https?:|mailto:)([^)\s]+)\)/g), ([, to]) => ({ page, to: to! })),
  )
  expect(links.length).toBeGreaterThan(0)
  const broken = links.filter(({ page, to }) => {
    const [path, anchor] = to.split("#")
    const target = path === "" ? page : posix.join(posix.dirname(page), path!)
    if (!existsSync(join(root, target))) return true
    return anchor !== undefined && !anchors(target).includes(anchor)
  })
  expect(broken).toEqual([])
})

it("every file of this repository that a page names exists", () => {
  const named = pages
    .filter((page) => page !== "CHANGELOG.md")
    .flatMap((page) =>
      Array.from(read(page).matchAll(/`((?:src|test|docs|docker|\.ci)\/[\w./-]*)`/g), ([, path]) => ({
        page,
        path: path!,
      })),
    )
  expect(named.filter(({ path }) => !existsSync(join(root, path)))).toEqual([])
})

it("every AVIARY_ name that a page shows is a setting", () => {
  const names = new Set(Object.values(table).map(({ name }) => name))
  const shown = pages.flatMap((page) =>
    Array.from(read(page).matchAll(/\bAVIARY_[A-Z_]*[A-Z]\b/g), ([name]) => ({ page, name })),
  )
  expect(shown.filter(({ name }) => !names.has(name))).toEqual([])
})

it("nothing points at one machine's folders", () => {
  const folder = new RegExp(`(?<![\\w.}])/(${["work", "root", "home", "Users"].join("|")})/\\w`)
  const text = files.filter((path) => /\.(ts|md|json|ya?ml|html)$|^\.ci\/|ockerfile/.test(path))
  expect(text.filter((path) => folder.test(read(path)))).toEqual([])
})
