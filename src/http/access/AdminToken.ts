import { Context, Effect, FileSystem, Layer, Path, Redacted, Schema } from "effect"
import { createHash, randomBytes, timingSafeEqual } from "node:crypto"
import { AdminAccess } from "../../contract/AdminAccess.ts"
import { errorResponse } from "../ErrorAnswers.ts"
import { Errors } from "../../contract/Errors.ts"
import { adminTokenPrefix, keepSecret } from "../../telemetry/Secrets.ts"
import { shortestAdminToken } from "../../SettingKinds.ts"
import { Settings } from "../../Settings.ts"

/**
 * There is no admin token; `message` says why and what to do.
 *
 * @public it is in the type of `services`
 */
export class AdminTokenError extends Schema.TaggedError<AdminTokenError>()("AdminTokenError", {
  message: Schema.String,
}) {}

interface Service {
  readonly token: Redacted.Redacted<string>
  /** The file that holds it; undefined where `AVIARY_ADMIN_TOKEN` does. */
  readonly path: string | undefined
  /** Whether this is the token, in a time that does not depend on how much of it is right. */
  readonly matches: (presented: Redacted.Redacted<string>) => boolean
}

const digest = (text: Redacted.Redacted<string>) => createHash("sha256").update(Redacted.value(text)).digest()

/** Any token there could be is shorter; what is longer is not hashed. */
const longest = 4_096

/** Whether what is presented is `token`, in a time that does not depend on how much of it is right. */
export const matching = (token: Redacted.Redacted<string>): ((presented: Redacted.Redacted<string>) => boolean) => {
  const expected = digest(token)
  return (presented) => Redacted.value(presented).length <= longest && timingSafeEqual(digest(presented), expected)
}

const make = Effect.fnUntraced(function* (mode: "make" | "read") {
  const { adminToken, dataDir } = yield* Settings
  const path = (yield* Path.Path).resolve(dataDir, "admin-token")
  const token = adminToken ?? (mode === "make" ? yield* makeOnce(path) : yield* read(path))
  keepSecret(Redacted.value(token))
  return AdminToken.of({
    token,
    path: adminToken === undefined ? path : undefined,
    matches: matching(token),
  })
})

/** The token of the admin routes. */
export class AdminToken extends Context.Service<AdminToken, Service>()("aviary/http/AdminToken") {
  /** From the settings, or from `admin-token` in the data directory, which is made if it is not there. */
  static readonly layer = Layer.effect(AdminToken, make("make"))

  /** The same for whoever calls a gateway: nothing is made. */
  static readonly layerExisting = Layer.effect(AdminToken, make("read"))
}

const read = Effect.fnUntraced(function* (path: string) {
  const fs = yield* FileSystem.FileSystem
  const text = yield* Effect.mapError(
    fs.readFileString(path),
    (error) =>
      new AdminTokenError({
        message: `The admin token cannot be read from ${path} (${error.reason._tag}): set AVIARY_DATA_DIR to the gateway's data directory, or AVIARY_ADMIN_TOKEN to its token.`,
      }),
  )
  // An empty token would let in whoever brings none.
  if (text.trim().length < shortestAdminToken) {
    return yield* new AdminTokenError({
      message: `${path} holds no admin token: remove it, and the next start makes another.`,
    })
  }
  return Redacted.make(text.trim(), { label: "admin token" })
})

/**
 * Readable by its owner alone before anything is in it, and whole before it has its name. Of gateways that start at once
 * on one directory, one's link succeeds and the others read that one's token.
 */
const makeOnce = Effect.fnUntraced(function* (path: string) {
  const fs = yield* FileSystem.FileSystem
  const unwritable = (error: { readonly reason: { readonly _tag: string } }) =>
    new AdminTokenError({
      message: `The admin token cannot be written to ${path} (${error.reason._tag}): make the directory writable, or set AVIARY_ADMIN_TOKEN.`,
    })
  if (yield* Effect.mapError(fs.exists(path), unwritable)) return yield* read(path)
  const draft = `${path}.${randomBytes(8).toString("hex")}`
  yield* Effect.gen(function* () {
    const directory = (yield* Path.Path).dirname(path)
    yield* fs.makeDirectory(directory, { recursive: true, mode: 0o700 })
    const text = `${adminTokenPrefix}${randomBytes(32).toString("base64url")}\n`
    yield* Effect.acquireUseRelease(
      fs.writeFileString(draft, text, { flag: "wx", mode: 0o600 }),
      () => fs.link(draft, path).pipe(Effect.catchReason("PlatformError", "AlreadyExists", () => Effect.void)),
      () => Effect.ignore(fs.remove(draft, { force: true })),
    )
  }).pipe(Effect.mapError(unwritable))
  return yield* read(path)
})

/** Answers 401 whatever does not bring the admin token. */
export const adminAccess = Layer.effect(
  AdminAccess,
  Effect.map(AdminToken, ({ matches }) =>
    AdminAccess.of({
      admin: (handler, { credential }) =>
        matches(credential) ? handler : Effect.succeed(errorResponse(Errors.adminOnly())),
    }),
  ),
)
