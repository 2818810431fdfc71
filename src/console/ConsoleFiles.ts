import { Context, Effect, Layer } from "effect"
import { createHash } from "node:crypto"
import { readdirSync, readFileSync } from "node:fs"
import { createRequire, stripTypeScriptTypes } from "node:module"
import { dirname, extname, join, sep } from "node:path"
import { fileURLToPath } from "node:url"
import { gzipSync } from "node:zlib"

/**
 * A file of the page as it is sent.
 *
 * @property etag of the plain bytes, without quotes
 */
export interface PageFile {
  readonly contentType: string
  readonly plain: Uint8Array
  readonly gzip: Uint8Array
  readonly etag: string
}

const contentTypes: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
}

/**
 * Libraries of the page: as modules say it, where they are in their package, and what is sent after them. Modules that a
 * browser loads name files, not packages, so the names are replaced as files are sent.
 */
const libraries = [
  { named: "preact", package: "preact", file: "dist/preact.mjs", after: "" },
  { named: "preact/hooks", package: "preact", file: "hooks/dist/hooks.mjs", after: "" },
  { named: "htm", package: "htm", file: "dist/htm.module.js", after: "" },
  { named: "uplot", package: "uplot", file: "dist/uPlot.iife.min.js", after: "\nexport default uPlot\n" },
] as const

const sentAs = (named: string) => `${named.replace("/", "-")}.js`

const specifier = /(\bfrom\s*|\bimport\s*\(?\s*)(["'])(\.?[\w./-]+)\2/g

/** `code` with specifiers that a browser finds. */
const forBrowsers = (code: string): string =>
  code
    .replace(specifier, (whole, before: string, quote: string, named: string) => {
      if (named.startsWith("./")) return `${before}${quote}${named.replace(/\.ts$/, ".js")}${quote}`
      return libraries.some((library) => library.named === named)
        ? `${before}${quote}./${sentAs(named)}${quote}`
        : whole
    })
    // Sent to nobody: maps of the libraries.
    .replace(/^\/\/# sourceMappingURL=.*$/gm, "")

const toFile = (contentType: string, content: string): PageFile => {
  const plain = Buffer.from(content)
  const etag = createHash("sha256").update(plain).digest("base64url").slice(0, 22)
  return { contentType, plain, gzip: gzipSync(plain, { level: 9 }), etag }
}

/** Node warns that this way of doing what it does itself with every source may change; a bump that changes it fails a test. */
const withoutTypes = (code: string): string => {
  const { emitWarning } = process
  process.emitWarning = () => {}
  try {
    return stripTypeScriptTypes(code)
  } finally {
    process.emitWarning = emitWarning
  }
}

const make = Effect.sync(() => {
  const require = createRequire(import.meta.url)
  const folder = join(dirname(fileURLToPath(import.meta.url)), "page")
  const read = (name: string) => readFileSync(join(folder, name), "utf8")

  const sources = new Map<string, () => string>()
  for (const name of readdirSync(folder)) {
    const kind = extname(name)
    // From a checkout the page is TypeScript as the rest of the gateway is; in the package it is JavaScript.
    if (kind === ".ts" && !name.endsWith(".d.ts")) {
      sources.set(name.replace(/\.ts$/, ".js"), () => forBrowsers(withoutTypes(read(name))))
    } else if (kind === ".js") sources.set(name, () => forBrowsers(read(name)))
    else if (kind in contentTypes) sources.set(name, () => read(name))
  }
  // Not every package lets its package.json be resolved.
  const within = (name: string, file: string) => {
    const folder = `node_modules${sep}${name}${sep}`
    const entry = require.resolve(name)
    return join(entry.slice(0, entry.lastIndexOf(folder) + folder.length), file)
  }
  for (const library of libraries) {
    const path = within(library.package, library.file)
    sources.set(sentAs(library.named), () => forBrowsers(readFileSync(path, "utf8")) + library.after)
  }
  sources.set("uplot.css", () => readFileSync(within("uplot", "dist/uPlot.min.css"), "utf8"))

  const made = new Map<string, PageFile>()
  const get = (name: string): PageFile | undefined => {
    const source = sources.get(name)
    const known = made.get(name)
    if (source === undefined || known !== undefined) return known
    const file = toFile(contentTypes[extname(name)]!, source())
    made.set(name, file)
    return file
  }
  return ConsoleFiles.of({ get, names: [...sources.keys()] })
})

/**
 * The files of the page, by name. Each is read, made ready and compressed once, when it is first asked for: most gateways are
 * never looked at.
 */
export class ConsoleFiles extends Context.Service<
  ConsoleFiles,
  {
    readonly get: (name: string) => PageFile | undefined
    readonly names: ReadonlyArray<string>
  }
>()("aviary/console/ConsoleFiles") {
  static readonly layer = Layer.effect(ConsoleFiles, make)
}
