import { ByteSize, Effect, FileSystem, Option, PlatformError } from "effect"

interface Inode {
  readonly ino: bigint
  bytes: Uint8Array
  /** What a loss of power leaves of it. */
  synced: Uint8Array
  mtime: number
}

/**
 * A file system in memory that remembers what was synced. Directories are implied by names, as far as the cache can tell;
 * names become lasting when their directory is synced, bytes when their file is.
 *
 * @property fs without waiting; `pause` runs before every call
 * @property names every file there is
 * @property opened how many files are open
 * @property losePower keeps what was synced. Of everything else, `lucky` says piece by piece whether it happened to last.
 */
export interface MemoryFileSystem {
  readonly fs: FileSystem.FileSystem
  readonly names: () => ReadonlyArray<string>
  readonly opened: () => number
  readonly losePower: (lucky: () => boolean) => void
}

const fail = (method: string, code: string) =>
  Effect.fail(
    PlatformError.systemError({
      module: "FileSystem",
      method,
      _tag: code === "ENOENT" ? "NotFound" : "Unknown",
      cause: Object.assign(new Error(`${code}: ${method}`), { code }),
    }),
  )

const parent = (path: string) => path.slice(0, path.lastIndexOf("/"))

export const makeMemoryFileSystem = (pause: Effect.Effect<void> = Effect.void): MemoryFileSystem => {
  let files = new Map<string, Inode>()
  let lasting = new Map<string, Inode>()
  const directories = new Set<string>([""])
  let opened = 0
  let inodes = 0n

  const infoOf = (inode: Inode | undefined): FileSystem.File.Info => ({
    type: inode === undefined ? "Directory" : "File",
    mtime: Option.some(new Date(inode?.mtime ?? 0)),
    atime: Option.none(),
    birthtime: Option.none(),
    dev: 1n,
    rdev: Option.none(),
    ino: Option.some(inode?.ino ?? 0n),
    mode: 0o644,
    nlink: Option.none(),
    uid: Option.none(),
    gid: Option.none(),
    size: ByteSize.bytes(BigInt(inode?.bytes.length ?? 0)),
    blksize: Option.none(),
    blocks: Option.none(),
  })

  const call = <A>(run: () => Effect.Effect<A, PlatformError.PlatformError>) =>
    Effect.andThen(pause, Effect.suspend(run))
  const find = (method: string, path: string) => {
    const inode = files.get(path)
    return inode === undefined ? fail(method, "ENOENT") : Effect.succeed(inode)
  }

  const fileOf = (inode: Inode): FileSystem.File => {
    let position = 0
    const writeAll = (bytes: Uint8Array) =>
      call(() => {
        const { bytes: before } = inode
        const after = new Uint8Array(Math.max(before.length, position + bytes.length))
        after.set(before)
        after.set(bytes, position)
        inode.bytes = after
        position += bytes.length
        return Effect.void
      })
    const slice = (size: number, options?: FileSystem.File.ReadOptions) => {
      const at = Number(options?.position ?? 0n)
      return inode.bytes.slice(at, at + size)
    }
    return {
      [FileSystem.FileTypeId]: FileSystem.FileTypeId,
      stat: call(() => Effect.succeed(infoOf(inode))),
      seek: (offset) => Effect.sync(() => BigInt((position = Number(offset)))),
      sync: call(() => {
        inode.synced = inode.bytes
        return Effect.void
      }),
      read: () => Effect.die("not used by the cache"),
      readAlloc: (size, options) =>
        call(() => {
          const bytes = slice(size, options)
          return Effect.succeed(bytes.length === 0 ? Option.none() : Option.some(bytes))
        }),
      truncate: () => Effect.die("not used by the cache"),
      write: (bytes) => Effect.as(writeAll(bytes), bytes.length),
      writeAll,
    }
  }

  /** Makes the names in `directory` as lasting as they are now. */
  const syncDirectory = (directory: string) => {
    for (const path of lasting.keys()) if (parent(path) === directory) lasting.delete(path)
    for (const [path, inode] of files) if (parent(path) === directory) lasting.set(path, inode)
  }

  const create = (path: string) => {
    const inode: Inode = { ino: ++inodes, bytes: new Uint8Array(0), synced: new Uint8Array(0), mtime: 0 }
    files.set(path, inode)
    return inode
  }

  const open: FileSystem.FileSystem["open"] = (path, options) =>
    Effect.acquireRelease(
      call(() => {
        if (options?.flag === "wx+") {
          if (!directories.has(parent(path))) return fail("open", "ENOENT")
          if (files.has(path)) return fail("open", "EEXIST")
          return Effect.succeed(fileOf(create(path)))
        }
        const inode = files.get(path)
        if (inode !== undefined) return Effect.succeed(fileOf(inode))
        if (!directories.has(path)) return fail("open", "ENOENT")
        const sync = call(() => Effect.sync(() => syncDirectory(path)))
        return Effect.succeed({
          ...fileOf({ ino: 0n, bytes: new Uint8Array(0), synced: new Uint8Array(0), mtime: 0 }),
          sync,
        })
      }).pipe(Effect.tap(() => Effect.sync(() => void (opened += 1)))),
      () => Effect.sync(() => void (opened -= 1)),
    )

  const fs = FileSystem.makeNoop({
    open,
    makeDirectory: (path) =>
      call(() => {
        for (let at = path; at !== ""; at = parent(at)) directories.add(at)
        return Effect.void
      }),
    readDirectory: (path) =>
      call(() => {
        if (!directories.has(path)) return fail("readDirectory", "ENOENT")
        const below = [...files.keys(), ...directories].filter((name) => name.startsWith(`${path}/`))
        return Effect.succeed([...new Set(below.map((name) => name.slice(path.length + 1).split("/")[0]!))])
      }),
    readFileString: (path) =>
      call(() => Effect.map(find("readFile", path), (inode) => Buffer.from(inode.bytes).toString("utf8"))),
    readLink: () => fail("readLink", "ENOENT"),
    writeFileString: (path, text) =>
      call(() => {
        if (!directories.has(parent(path))) return fail("writeFile", "ENOENT")
        create(path).bytes = Buffer.from(text)
        return Effect.void
      }),
    remove: (path, options) =>
      call(() => {
        const doomed = [...files.keys()].filter((name) => name === path || name.startsWith(`${path}/`))
        if (doomed.length === 0 && options?.force !== true) return fail("remove", "ENOENT")
        for (const name of doomed) files.delete(name)
        for (const name of directories) if (name === path || name.startsWith(`${path}/`)) directories.delete(name)
        return Effect.void
      }),
    rename: (from, to) =>
      call(() =>
        Effect.flatMap(find("rename", from), (inode) => {
          if (!directories.has(parent(to))) return fail("rename", "ENOENT")
          files.delete(from)
          files.set(to, inode)
          return Effect.void
        }),
      ),
    stat: (path) =>
      call(() => (directories.has(path) ? Effect.succeed(infoOf(undefined)) : Effect.map(find("stat", path), infoOf))),
    exists: (path) => call(() => Effect.succeed(directories.has(path) || files.has(path))),
    utimes: (path, _, mtime) =>
      call(() => Effect.map(find("utimes", path), (inode) => void (inode.mtime = Number(mtime) * 1_000))),
  })

  return {
    fs,
    names: () => [...files.keys()],
    opened: () => opened,
    losePower: (lucky) => {
      const after = new Map<string, Inode>()
      for (const path of new Set([...files.keys(), ...lasting.keys()])) {
        const inode = lucky() ? files.get(path) : lasting.get(path)
        if (inode === undefined) continue
        // Blocks that were not synced: all there, cut somewhere, or zeroes.
        const bytes = lucky() ? inode.bytes : lucky() ? inode.synced : new Uint8Array(inode.bytes.length)
        after.set(path, { ...inode, bytes: inode.synced === inode.bytes ? inode.bytes : bytes })
      }
      files = after
      lasting = new Map(after)
      for (const inode of after.values()) inode.synced = inode.bytes
    },
  }
}
