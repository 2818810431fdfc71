// What is published: the program that runs (`program/`), and the modules that other programs import (`dist/`), one by one and with
// their types. Node does not strip types under node_modules, so both are JavaScript.
import { execFileSync } from "node:child_process"
import { cpSync, rmSync, statSync } from "node:fs"
import { join } from "node:path"
import { build } from "./program.ts"

const root = join(import.meta.dirname, "..")
const dist = join(root, "dist")

await build()
rmSync(dist, { recursive: true, force: true })
execFileSync(join(root, "node_modules", ".bin", "tsc"), ["-p", join(import.meta.dirname, "tsconfig.dist.json")], {
  // `npm pack --json` has stdout to itself.
  stdio: ["ignore", 2, 2],
})
cpSync(join(root, "src"), dist, {
  recursive: true,
  filter: (path) => statSync(path).isDirectory() || !path.endsWith(".ts"),
})
// The compiler leaves the page of the console out, which runs in browsers.
cpSync(join(root, "program", "console", "page"), join(dist, "console", "page"), { recursive: true })
