// "Where to read on" of docs/architecture.md against the source.
import { expect, it } from "vitest"
import { importsOf, read, sources } from "./Tree.ts"

const page = read("docs/architecture.md")

/** The files of a story in the order of the page, and those beside it. */
const pathOf = (heading: string) => {
  const section = page.slice(page.indexOf(`### ${heading}\n`)).split(/\n##/)[0]!
  return {
    files: Array.from(section.matchAll(/^\d+\. `([^`]+)`: \S/gm), ([, file]) => file!),
    beside: Array.from((section.split("\nBeside it:")[1] ?? "").matchAll(/`(src\/[^`]+)`/g), ([, file]) => file!),
  }
}

/** What a request passes before it has a route. */
const earlier = Array.from(
  page
    .split("## Where to read on\n")[1]!
    .split("\n##")[0]!
    .matchAll(/`(src\/[^`]+)`/g),
  ([, file]) => file!,
)

/** Files that were to be opened for each before there were several engines, formats and gateways. */
const before = { speech: 22, upload: 20, wedge: 17, hold: 19 }

const stories = {
  speech: pathOf("Reading a speech"),
  upload: pathOf("Reading an upload"),
  wedge: pathOf("Reading a wedge"),
  hold: pathOf("Reading a hold"),
}

it.each(Object.entries(stories))(
  "the way of a request is followed through fewer files than ever: %s",
  (name, { files }) => {
    expect(files.length).toBeGreaterThan(10)
    expect(files.length).toBeLessThan(before[name as keyof typeof before])
  },
)

it("each of them is a file, and named once in its story", () => {
  for (const { beside, files } of Object.values(stories)) {
    const named = [...files, ...beside]
    expect(named.filter((file) => !sources.includes(file))).toEqual([])
    expect(named.filter((file, at) => named.indexOf(file) !== at)).toEqual([])
  }
})

/** Where something is refused, given up or waited for: what a reader must have seen to explain an answer. */
const decides = /Error\(\{\s*reason|new Refusal\(|\bErrors\.\w+\(|Effect\.fail\(|Effect\.timeout/

/**
 * What files of a story use that decides too and is in no story: reasons and how they are made, and what a request is read with before
 * anything is done for it. Each is one of those "whose names say what they do".
 */
const leaves = new Set([
  ...["src/Settings.ts", "src/http/audio/EntryHandler.ts", "src/speech/Utterances.ts"],
  ...[
    "src/audio/DecodeError.ts",
    "src/audio/Pieces.ts",
    "src/audio/Wav.ts",
    "src/audio/decode/Effort.ts",
    "src/embedded/English.ts",
  ],
  ...[
    "src/billing/BillingError.ts",
    "src/cache/CacheError.ts",
    "src/cache/Disk.ts",
    "src/cache/EntryFolders.ts",
    "src/health/HealthError.ts",
  ],
  ...["src/billing/book/AccountRules.ts", "src/billing/book/Keys.ts", "src/billing/book/Refusal.ts"],
])

it("what decides about a request is on its way, in another story, beside one, or a leaf that is listed", () => {
  const all = Object.values(stories)
  expect(earlier.length).toBeGreaterThan(2)
  const told = new Set([...earlier, ...all.flatMap(({ beside, files }) => [...files, ...beside])])
  const untold = new Set(
    all
      .flatMap(({ files }) => files.flatMap(importsOf))
      .filter((file) => sources.includes(file) && !told.has(file) && !leaves.has(file) && decides.test(read(file))),
  )
  expect([...untold].toSorted()).toEqual([])
})
