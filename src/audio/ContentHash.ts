import { Effect, type FileSystem, type PlatformError, Stream } from "effect"
import { createHash } from "node:crypto"

/** SHA-256 of the file at `path`, hexadecimal; read piece by piece, so its length costs no memory. */
export const contentHash = (
  fs: FileSystem.FileSystem,
  path: string,
): Effect.Effect<string, PlatformError.PlatformError> =>
  fs.stream(path).pipe(
    Stream.runFold(
      () => createHash("sha256"),
      (hash, bytes) => hash.update(bytes),
    ),
    Effect.map((hash) => hash.digest("hex")),
  )
