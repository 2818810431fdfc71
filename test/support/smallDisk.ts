import { Effect } from "effect"
import { execFileSync, spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const mount = (...args: ReadonlyArray<string>) => spawnSync("mount", args, { encoding: "utf8" })

const probe = () => {
  const at = mkdtempSync(join(tmpdir(), "aviary-mount-"))
  const mounted = mount("-t", "tmpfs", "-o", "size=64k", "tmpfs", at).status === 0
  if (mounted) execFileSync("umount", [at])
  rmdirSync(at)
  return mounted
}

/**
 * Whether tests on a real small file system are left out: mounting one takes Linux and root, found out by doing it. Where
 * `CI` is set they are never left out, so that a runner without the right to mount fails instead of showing nothing.
 */
export const withoutMounts = process.env["CI"] === undefined && !probe()

/**
 * A disk of `size` (`1m`) of its own.
 *
 * @property directory an empty folder on it
 * @property fill leaves no byte free
 * @property free takes the filling away again
 * @property remount makes it read-only or writable; fails while a file on it is open for writing
 */
export const smallDisk = (size: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const root = mkdtempSync(join(tmpdir(), "aviary-disk-"))
      execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", root])
      const directory = join(root, "cache")
      mkdirSync(directory)
      const filling = join(root, "filling")
      return {
        root,
        directory,
        fill: () => {
          try {
            for (;;) writeFileSync(filling, Buffer.alloc(4_096), { flag: "a" })
          } catch (error) {
            if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error
          }
        },
        free: () => rmSync(filling),
        remount: (how: "ro" | "rw") => execFileSync("mount", ["-o", `remount,${how}`, root]),
      }
    }),
    ({ root }) =>
      Effect.sync(() => {
        execFileSync("umount", ["-l", root])
        rmdirSync(root)
      }),
  )
