// Node does not strip types under node_modules, so the package that is published holds JavaScript.
import { execFileSync } from "node:child_process"
import { cpSync, rmSync, statSync } from "node:fs"
import { join } from "node:path"

const root = join(import.meta.dirname, "..")
const dist = join(root, "dist")

rmSync(dist, { recursive: true, force: true })
execFileSync(join(root, "node_modules", ".bin", "tsc"), ["-p", join(import.meta.dirname, "tsconfig.dist.json")], {
  // `npm pack --json` has stdout to itself.
  stdio: ["ignore", 2, 2],
})
cpSync(join(root, "src"), dist, {
  recursive: true,
  filter: (path) => statSync(path).isDirectory() || !path.endsWith(".ts"),
})
