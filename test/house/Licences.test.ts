import { expect, it } from "vitest"
import { read } from "./Tree.ts"

interface Locked {
  readonly license?: string
  readonly dev?: boolean
  readonly optional?: boolean
}

const locked: Record<string, Locked> = JSON.parse(read("package-lock.json")).packages
const page = read("docs/decisions/0006-licences.md")
const permissive = new Set([
  "0BSD",
  "Apache-2.0",
  "BlueOak-1.0.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "CC0-1.0",
  "ISC",
  "MIT",
])

const isPermissive = (licence: string): boolean =>
  licence
    .replace(/[()]/g, "")
    .split(/ OR /)
    .some((choice) => choice.split(" AND ").every((one) => permissive.has(one)))

/** A platform's build of a package goes by the name of that package. */
const nameOf = (path: string): string =>
  path.replace(/^.*node_modules\//, "").replace(/-(android|darwin|freebsd|linux|openharmony|win32)-.*$/, "")

const installed = Object.entries(locked).filter(([path]) => path !== "")

it("every licence that is not permissive is named with its package, and no other", () => {
  const found = installed.flatMap(([path, { license }]) =>
    license === undefined || isPermissive(license) ? [] : [`\`${nameOf(path)}\` | ${license}`],
  )
  expect(found.length).toBeGreaterThan(0)
  const table = page.slice(page.indexOf("## Declared"), page.indexOf("## Inside"))
  const named = [...table.matchAll(/^\| (`[^`]+` \| [^|]+?) \|/gm)].map(([, row]) => row!)
  expect(new Set(named)).toEqual(new Set(found))
})

it("only tools' builds for other platforms, which are not looked at here, declare no licence", () => {
  const silent = installed.filter(([, { license }]) => license === undefined)
  expect(silent.filter(([, { dev, optional }]) => dev !== true || optional !== true).map(([path]) => path)).toEqual([])
})

it("a package that holds more than it declares is still installed", () => {
  const table = page.slice(page.indexOf("## Inside"))
  const named = [...table.matchAll(/^\| `([^`]+)` \| ([^|]+?) \|/gm)]
  expect(named.length).toBeGreaterThan(0)
  for (const [, name, declared] of named) {
    expect([name, locked[`node_modules/${name}`]?.license]).toEqual([name, declared])
  }
})
