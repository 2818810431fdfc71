import { expect, it } from "vitest"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const script = fileURLToPath(new URL("../support/endInAddon.ts", import.meta.url))

const ended = async (what: "thread" | "process") => {
  const folder = mkdtempSync(join(tmpdir(), "aviary-addon-"))
  const env = { ...process.env, TMPDIR: folder }
  const child = spawn(process.execPath, [script, what], { env, stdio: ["ignore", "ignore", "pipe"] })
  let stderr = ""
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text))
  const [code, signal] = (await once(child, "close")) as [number | null, string | null]
  rmSync(folder, { recursive: true })
  return { code, signal, stderr }
}

it("a thread that is told to end while it loads the recognizer ends after that, and its process lives on", async () => {
  expect(await ended("thread")).toEqual({ code: 0, signal: null, stderr: "" })
})

it("a process that ends at once while the recognizer is loaded does not abort", async () => {
  const { code, signal, stderr } = await ended("process")
  expect({ code, signal, stderr }).toEqual({ code: null, signal: "SIGKILL", stderr: "" })
})
