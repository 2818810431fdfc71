import { Effect } from "effect"
import {
  chmodSync,
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { basename, delimiter, dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { copyPrograms, type DockerDaemon, importFolder, librariesOf } from "./dockerDaemon.ts"

export const root = fileURLToPath(new URL("../../", import.meta.url)).replace(/\/$/, "")

/** Where this machine has `name`, not counting what the checkout brings. */
function locate(name: string): string {
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => !folder.includes("node_modules"))
  const found = folders.map((folder) => join(folder, name)).find((path) => existsSync(path))
  if (found === undefined) throw new Error(`this machine has no ${name}`)
  return found
}

/** Libraries of the system that the checkout's own Node and addons are linked to. */
export function systemLibraries(): ReadonlyArray<string> {
  const addons = globSync("node_modules/sherpa-onnx-*/*.{node,so}", { cwd: root }).map((path) => join(root, path))
  return [process.execPath, ...addons].flatMap(librariesOf).filter((path) => !path.startsWith(root))
}

/** As little of a system as the image can be built on and run on, made of this machine's own parts: no registry is asked. */
export const importBase = Effect.fnUntraced(function* (daemon: DockerDaemon, image: string) {
  const folder = mkdtempSync(join(daemon.home, "base-"))
  const programs = ["sh", "env", "ls", "mkdir", "chown", "chmod", "ln", "rm", "cp", "cat", "ffmpeg"].map(locate)
  copyPrograms(folder, [...programs, ...systemLibraries()])

  const bin = join(folder, "usr/local/bin")
  mkdirSync(bin, { recursive: true })
  cpSync(realpathSync(process.execPath), join(bin, "node"))
  const npm = realpathSync(locate("npm"))
  const home = dirname(dirname(npm))
  // Debian's own npm has its dependencies beside it.
  const needed = basename(dirname(home)) === "node_modules" ? home : dirname(home)
  cpSync(needed, join(folder, needed), { recursive: true, verbatimSymlinks: true })
  writeFileSync(join(bin, "npm"), `#!/bin/sh\nexec node ${npm} "$@"\n`, { mode: 0o755 })

  for (const path of ["/etc/ssl/certs", "/etc/resolv.conf", "/etc/hosts"]) {
    if (existsSync(path)) cpSync(path, join(folder, path), { recursive: true, dereference: true })
  }
  if (!existsSync(join(folder, "bin/sh"))) symlinkSync("/usr/bin", join(folder, "bin"))
  mkdirSync(join(folder, "tmp"))
  chmodSync(join(folder, "tmp"), 0o1777)
  const certificates = process.env["NODE_EXTRA_CA_CERTS"]
  if (certificates !== undefined) cpSync(certificates, join(folder, certificates))
  yield* importFolder(
    daemon,
    folder,
    image,
    certificates === undefined ? [] : [`ENV NODE_EXTRA_CA_CERTS=${certificates}`],
  )
})
