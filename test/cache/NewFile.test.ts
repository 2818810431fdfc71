import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { constants, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { SystemCalls } from "../../src/cache/NewFile.ts"

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "aviary-new-file-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true })),
)

it.live("a write to a new file answers once the disk has it, and only its owner can read it", () =>
  Effect.gen(function* () {
    const calls = yield* SystemCalls
    const path = join(yield* folder, "new")
    yield* Effect.promise(async () => {
      const file = await calls.create(path)
      // What the kernel does with each write to this descriptor.
      const flags = Number.parseInt(/^flags:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${file}`, "utf8"))![1]!, 8)
      expect(flags & constants.O_DSYNC).toBe(constants.O_DSYNC)
      await calls.write(file, [Buffer.from("some "), Buffer.from("audio")])
      await calls.close(file)
      expect(readFileSync(path, "utf8")).toBe("some audio")
      await expect(calls.create(path)).rejects.toMatchObject({ code: "EEXIST" })
    })
  }),
)
