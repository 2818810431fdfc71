import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { Effect, FileSystem, Layer, Redacted } from "effect"
import { AdminToken } from "../../../src/http/access/AdminToken.ts"
import { Settings } from "../../../src/Settings.ts"

const tokenOf = (
  which: "layer" | "layerExisting",
  settings: { readonly dataDir: string; readonly adminToken?: string },
) => AdminToken.pipe(Effect.provide(AdminToken[which].pipe(Layer.provide(Settings.layerTest(settings)))))

const directory = Effect.flatMap(FileSystem.FileSystem, (fs) => fs.makeTempDirectoryScoped())

layer(NodeServices.layer)("AdminToken", (it) => {
  it.effect("is made once, for its owner's eyes only, and nothing else is left beside it", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const dataDir = `${yield* directory}/data`
      const made = yield* tokenOf("layer", { dataDir })
      expect(Redacted.value(made.token)).toMatch(/^aviary-admin-[\w-]{43}$/)
      expect(made.path).toBe(`${dataDir}/admin-token`)
      expect(((yield* fs.stat(made.path!)).mode & 0o777).toString(8)).toBe("600")
      expect(yield* fs.readDirectory(dataDir)).toEqual(["admin-token"])
      for (const which of ["layer", "layerExisting"] as const) {
        expect(Redacted.value((yield* tokenOf(which, { dataDir })).token)).toBe(Redacted.value(made.token))
      }
    }),
  )

  it.effect("is the same for gateways that start at once on one directory", () =>
    Effect.gen(function* () {
      const dataDir = yield* directory
      const made = yield* Effect.all(
        Array.from({ length: 16 }, () => tokenOf("layer", { dataDir })),
        { concurrency: "unbounded" },
      )
      expect(new Set(made.map(({ token }) => Redacted.value(token))).size).toBe(1)
    }),
  )

  it.effect("is the setting where there is one, and then no file is made", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const dataDir = yield* directory
      const said = yield* tokenOf("layer", { dataDir, adminToken: "said by the setting" })
      expect([Redacted.value(said.token), said.path]).toEqual(["said by the setting", undefined])
      expect(yield* fs.readDirectory(dataDir)).toEqual([])
    }),
  )

  it.effect("matches itself and nothing else", () =>
    Effect.gen(function* () {
      const { matches } = yield* tokenOf("layer", { dataDir: yield* directory, adminToken: "the token of a test" })
      expect(matches(Redacted.make("the token of a test"))).toBe(true)
      for (const other of [
        "",
        "the token of a tes",
        "the token of a test ",
        "The token of a test",
        "x".repeat(10_000),
      ]) {
        expect(matches(Redacted.make(other))).toBe(false)
      }
    }),
  )

  it.effect("is not taken from a file that is empty, and the message names the file but no token", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const dataDir = yield* directory
      yield* fs.writeFileString(`${dataDir}/admin-token`, "\n")
      const error = yield* Effect.flip(tokenOf("layer", { dataDir }))
      expect(error).toMatchObject({
        _tag: "AdminTokenError",
        message: expect.stringContaining(`${dataDir}/admin-token`),
      })
    }),
  )

  it.effect("is never made by one who only calls a gateway", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const dataDir = yield* directory
      expect(yield* Effect.flip(tokenOf("layerExisting", { dataDir }))).toMatchObject({ _tag: "AdminTokenError" })
      expect(yield* fs.readDirectory(dataDir)).toEqual([])
    }),
  )
})
