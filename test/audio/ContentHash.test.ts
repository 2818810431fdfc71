import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, it } from "@effect/vitest"
import { Effect, FileSystem } from "effect"
import { contentHash } from "../../src/audio/ContentHash.ts"

it.live("is the SHA-256 of all the bytes, however many pieces they are read in", () =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const path = yield* fs.makeTempFileScoped()
    expect(yield* contentHash(fs, path)).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    // A million times "a" is a test vector of FIPS 180-2, and more than one piece.
    yield* fs.writeFile(path, new Uint8Array(1_000_000).fill(97))
    expect(yield* contentHash(fs, path)).toBe("cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
  }).pipe(Effect.provide(NodeServices.layer)),
)
