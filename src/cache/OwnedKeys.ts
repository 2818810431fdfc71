import { Context, Effect, FileSystem, Layer, Path, Redacted, Schema } from "effect"
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto"
import { Settings } from "../Settings.ts"
import { type CacheKey, keyOfDigest } from "./CacheKey.ts"

/**
 * Entries cannot be kept apart; `message` says why and what to do.
 *
 * @public it is in the type of `services`
 */
export class CacheSecretError extends Schema.TaggedError<CacheSecretError>()("CacheSecretError", {
  message: Schema.String,
}) {}

interface Service {
  /** Under which key `accountId` has the speech that `key` names. */
  readonly of: (accountId: string, key: CacheKey) => CacheKey
  /** Whether `key` is one that `of` gave `accountId`, in a time that does not depend on the answer, nor on what there is. */
  readonly owns: (accountId: string, key: CacheKey) => boolean
}

const make = Effect.gen(function* () {
  const { cacheShared, dataDir } = yield* Settings
  return cacheShared === "all" ? shared : apart(yield* secretIn(dataDir))
})

/**
 * Which account an entry's key belongs to. Where accounts are kept apart (`AVIARY_CACHE_SHARED=account`), entries and flights
 * belong to one account: a key is made with a secret, so that it cannot be computed from a guessed text, and whether it is an
 * account's own is known before anything is looked up, so that another account's entry looks the same as none.
 */
export class OwnedKeys extends Context.Service<OwnedKeys, Service>()("aviary/cache/OwnedKeys") {
  /** As the settings say. The secret is `cache-secret` in the data directory, which gateways on it share. */
  static readonly layer = Layer.effect(OwnedKeys, make)

  /** All accounts share all entries. */
  static readonly layerShared = Layer.sync(OwnedKeys, () => shared)

  /** Accounts are kept apart with the given secret. */
  static readonly layerApart = (secret: Redacted.Redacted<string>) => Layer.sync(OwnedKeys, () => apart(secret))
}

const shared: Service = { of: (_, key) => key, owns: () => true }

/** Keys that are kept: a few hundred bytes each. */
const mostKnown = 1_000

/** Hexadecimal digits of either half of a key: 128 bits. */
const half = 32

/** The first half names account and speech, the second proves that the first was made for the account. */
const apart = (secret: Redacted.Redacted<string>): Service => {
  const mac = (use: string, accountId: string, text: string) =>
    // Account ids have no line feed, so no two of these are one.
    createHmac("sha256", Redacted.value(secret)).update(`${use}\n${accountId}\n${text}`).digest("hex").slice(0, half)
  const proof = (accountId: string, name: string) => mac("owner", accountId, name)
  /** Those that were asked for last: what is asked for again and again is not computed again and again. */
  const known = new Map<string, CacheKey>()
  return {
    of: (accountId, key) => {
      const asked = `${key}\n${accountId}`
      const before = known.get(asked)
      if (before !== undefined) return before
      const name = mac("entry", accountId, key)
      const own = keyOfDigest(name + proof(accountId, name))
      known.set(asked, own)
      if (known.size > mostKnown) known.delete(known.keys().next().value!)
      return own
    },
    owns: (accountId, key) =>
      timingSafeEqual(Buffer.from(key.slice(half)), Buffer.from(proof(accountId, key.slice(0, half)))),
  }
}

/** Shorter is not what was written here. */
const secretLength = 64

/**
 * Readable by its owner alone before anything is in it, and whole before it has its name: of gateways that start at once on
 * one directory one's link succeeds, and the others read that one's secret.
 */
const secretIn = Effect.fnUntraced(function* (dataDir: string) {
  const fs = yield* FileSystem.FileSystem
  const path = (yield* Path.Path).resolve(dataDir, "cache-secret")
  const failed = (how: string) => (error: { readonly reason: { readonly _tag: string } }) =>
    new CacheSecretError({
      message: `The cache's secret cannot be ${how} ${path} (${error.reason._tag}): let this user read and write the data directory, or set AVIARY_CACHE_SHARED=all.`,
    })
  const made = Effect.gen(function* () {
    if (yield* fs.exists(path)) return
    yield* fs.makeDirectory(dataDir, { recursive: true, mode: 0o700 })
    const draft = `${path}.${randomBytes(8).toString("hex")}`
    yield* Effect.acquireUseRelease(
      fs.writeFileString(draft, `${randomBytes(secretLength / 2).toString("hex")}\n`, { flag: "wx", mode: 0o600 }),
      () => fs.link(draft, path).pipe(Effect.catchReason("PlatformError", "AlreadyExists", () => Effect.void)),
      () => Effect.ignore(fs.remove(draft, { force: true })),
    )
  })
  yield* Effect.mapError(made, failed("written to"))
  const text = (yield* Effect.mapError(fs.readFileString(path), failed("read from"))).trim()
  if (text.length < secretLength) {
    return yield* new CacheSecretError({
      message: `${path} holds no secret: remove it, and the next start makes another. What the cache has is then made again.`,
    })
  }
  return Redacted.make(text, { label: "cache secret" })
})
