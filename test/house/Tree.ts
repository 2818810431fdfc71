import { execFileSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { dirname, join, posix } from "node:path"
import { fileURLToPath } from "node:url"

/** Where package.json is. */
export const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..")

export const read = (path: string): string => readFileSync(join(root, path), "utf8")

/** Every file of the repository, by its path from the root: those git knows, and new ones it does not ignore. */
export const files: ReadonlyArray<string> = execFileSync(
  "git",
  ["ls-files", "--cached", "--others", "--exclude-standard", "-z"],
  { cwd: root, encoding: "utf8" },
)
  .split("\0")
  .filter((path) => path !== "" && existsSync(join(root, path)))

export const sources = files.filter((path) => path.startsWith("src/") && path.endsWith(".ts"))
export const tests = files.filter((path) => path.startsWith("test/") && path.endsWith(".ts"))

/** The room a file under src/ lives in: a folder, or the file itself where it stands at the top. */
export const roomOf = (path: string): string => path.split("/")[1]!.replace(/\.ts$/, "")

const specifier = /(?:\bfrom|\bimport)\s*\(?\s*"([^"]+)"|new URL\(\s*"(\.[^"]+)"/g

/** What a file imports, types included: packages as written, files by their path from the root. */
export const importsOf = (path: string): ReadonlyArray<string> =>
  Array.from(withoutComments(read(path)).matchAll(specifier), (match) => {
    const written = match[1] ?? match[2]!
    return written.startsWith(".") ? posix.join(posix.dirname(path), written) : written
  })

const withoutComments = (code: string) => code.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "")
