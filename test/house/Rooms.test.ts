import { stripTypeScriptTypes } from "node:module"
import { expect, it } from "vitest"
import { files, importsOf, read, roomOf, sources, tests } from "./Tree.ts"

/** From the street inwards. A room imports itself and what stands below it. */
const rooms = [
  "main",
  "cli",
  "client",
  "Aviary",
  "wyoming",
  "http",
  "console",
  "contract",
  "speech",
  "transcription",
  "health",
  "billing",
  "cache",
  "upstream",
  "nim",
  "embedded",
  "audio",
  "scratch",
  "database",
  "telemetry",
  "Settings",
  "LiveSettings",
  "ReadingSettings",
  "LimitSettings",
  "WyomingSettings",
  "CacheSettings",
  "FleetSettings",
  "SettingReading",
  "DatabaseSettings",
  "SettingKinds",
  "SettingNames",
  "SettingSources",
  "workers",
  "collections",
]

const imports = sources.flatMap((from) => importsOf(from).map((to) => ({ from, to })))
const own = imports.filter(({ to }) => to.startsWith("src/"))
const written = ({ from, to }: { from: string; to: string }) => `${from} imports ${to}`

it("every file stands in a room", () => {
  expect(sources.filter((path) => !rooms.includes(roomOf(path)))).toEqual([])
})

it("a room imports only what stands below it", () => {
  expect(own.length).toBeGreaterThan(0)
  expect(own.filter(({ from, to }) => rooms.indexOf(roomOf(from)) > rooms.indexOf(roomOf(to))).map(written)).toEqual([])
})

it("the programs know no HTTP", () => {
  const streetSide = ["client", "http", "console", "contract", "upstream", "nim"]
  const http = /^effect\/http|^@effect\/platform-node\/NodeHttp|^(node:)?https?$|^undici$/
  const wiring = ["main", "cli", "Aviary"]
  expect(
    imports
      .filter(({ to }) => http.test(to))
      .filter(({ from, to }) => !(wiring.includes(roomOf(from)) && to.startsWith("@effect/platform-node/")))
      .filter(
        ({ from }) =>
          !streetSide.includes(roomOf(from)) && !/^src\/(health\/\w*Docker\w*|telemetry\/Otlp)\.ts$/.test(from),
      )
      .map(written),
  ).toEqual([])
})

it("the vocabulary of bytes and of the wire imports no service", () => {
  expect(
    own
      .filter(({ from }) => ["audio", "contract"].includes(roomOf(from)))
      .filter(({ to }) => to.endsWith(".ts") && /extends Context\.Service</.test(read(to)))
      .map(written),
  ).toEqual([])
})

it("no drawer for odds and ends, no barrel, no Live", () => {
  const drawer = /(^|\/)(utils?|helpers?|common|misc|shared|index)(\/|\.[cm]?[jt]s$)/i
  expect(files.filter((path) => /^(src|test)\//.test(path) && drawer.test(path))).toEqual([])
  expect(sources.filter((path) => /^export \* from/m.test(read(path)))).toEqual([])
  expect(sources.filter((path) => /(?:const|class|readonly|function) \w+Live\b/.test(read(path)))).toEqual([])
})

// Tests are run by Vite, which understands more.
it("Node can strip the types of every source", () => {
  for (const path of sources) expect(() => stripTypeScriptTypes(read(path)), path).not.toThrow()
})

it("no file is over 400 lines", () => {
  const long = [...sources, ...tests].map((path) => ({ path, lines: read(path).split("\n").length - 1 }))
  expect(long.filter(({ lines }) => lines > 400)).toEqual([])
})

it("a test stands where the file it tests stands", () => {
  const apart = ["gateway", "house", "support"]
  const astray = tests
    .filter((path) => path.endsWith(".test.ts") && !apart.includes(path.split("/")[1]!))
    .filter((path) => {
      const [, folder, name] = /^test\/(.*\/)?([^/.]+)(?:\.[\w-]+)?\.test\.ts$/.exec(path) ?? []
      return !sources.includes(`src/${folder ?? ""}${name}.ts`)
    })
  expect(astray).toEqual([])
})

// Effect's own rule for this wants the package's name in front, which is longer than is read with pleasure in a log.
it("a service's key says in which room it stands", () => {
  const keys = sources.flatMap((path) =>
    Array.from(read(path).matchAll(/\(\s*"aviary\/([\w/]+)"/g), ([, key]) => ({ path, key: key! })),
  )
  expect(keys.length).toBeGreaterThan(30)
  const roomOfKey = ({ path, key }: { readonly path: string; readonly key: string }) =>
    key.split("/")[0] === roomOf(path)
  expect(keys.filter((one) => one.path !== "src/cache/CacheKey.ts" && !roomOfKey(one))).toEqual([])
})
