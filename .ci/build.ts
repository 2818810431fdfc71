// Node does not strip types under node_modules, so the package that is published holds JavaScript.
import { execFileSync } from "node:child_process"
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { stripTypeScriptTypes } from "node:module"
import { join } from "node:path"

const root = join(import.meta.dirname, "..")
const dist = join(root, "dist")

rmSync(dist, { recursive: true, force: true })
execFileSync(join(root, "node_modules", ".bin", "tsc"), ["-p", join(import.meta.dirname, "tsconfig.dist.json")], {
  // `npm pack --json` has stdout to itself.
  stdio: ["ignore", 2, 2],
})
// The compiler leaves the page of the console out, which runs in browsers; the gateway says there what its modules are called.
const page = join("console", "page")
for (const name of readdirSync(join(root, "src", page)).filter((name) => name.endsWith(".ts"))) {
  mkdirSync(join(dist, page), { recursive: true })
  const script = stripTypeScriptTypes(readFileSync(join(root, "src", page, name), "utf8"))
  writeFileSync(join(dist, page, name.replace(/\.ts$/, ".js")), script)
}
cpSync(join(root, "src"), dist, {
  recursive: true,
  filter: (path) => statSync(path).isDirectory() || !path.endsWith(".ts"),
})
