import { execFileSync } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, dirname, join } from "node:path"
import { files, root } from "../house/Tree.ts"

/**
 * The package as npm publishes it, installed beside the packages that it names, where Node strips no types and knows none of our
 * conditions.
 *
 * - `home`: of a program that uses it
 * - `folder`: its own
 * - `command`: what it brings to the PATH
 * - `run`: the output of a program that ends well
 */
export const installPacked = () => {
  const home = mkdtempSync(join(tmpdir(), "aviary-packed-"))
  const folder = join(home, "node_modules", "@aviary-speech", "gateway")
  const env = { ...process.env, PATH: [dirname(process.execPath), process.env["PATH"]].join(delimiter) }
  const run = (file: string, ...args: ReadonlyArray<string>) =>
    execFileSync(file, args, { cwd: home, env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] })

  // A copy of the sources is packed, so that what the checkout has built is left alone.
  const checkout = join(home, "checkout")
  for (const path of files.filter((one) => !one.startsWith("test/"))) {
    mkdirSync(dirname(join(checkout, path)), { recursive: true })
    cpSync(join(root, path), join(checkout, path))
  }
  symlinkSync(join(root, "node_modules"), join(checkout, "node_modules"))
  const [packed] = JSON.parse(
    execFileSync("npm", ["pack", "--json", "--pack-destination", home, "--loglevel", "error"], {
      cwd: checkout,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "inherit"],
    }).replace(/^[^[{]*/, ""),
  )
  mkdirSync(folder, { recursive: true })
  run("tar", "-xzf", join(home, packed.filename), "-C", folder, "--strip-components=1")
  rmSync(checkout, { recursive: true })
  const { bin, dependencies } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"))
  for (const name of Object.keys(dependencies)) {
    mkdirSync(dirname(join(home, "node_modules", name)), { recursive: true })
    symlinkSync(join(root, "node_modules", name), join(home, "node_modules", name))
  }
  // npm sets the mode of what it links.
  const command = join(home, "node_modules", ".bin", "aviary")
  mkdirSync(dirname(command))
  symlinkSync(join(folder, bin.aviary), command)
  run("chmod", "+x", command)
  return { home, folder, command, run, remove: () => rmSync(home, { recursive: true, force: true }) }
}
