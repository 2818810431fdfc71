import { readdir } from "node:fs/promises"
import { connect } from "node:net"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"

/** Where a gateway has its scratch folders, below its data directory. */
const parents = ["cache/tmp", "tmp", "recordings"]

/** The scratch folders that are there: of the gateway that lives, and of those that were killed. */
export const scratchFolders = async (dataDir: string): Promise<ReadonlyArray<string>> => {
  const all = await Promise.all(
    parents.map(async (parent) =>
      (await readdir(join(dataDir, parent)).catch((): Array<string> => [])).map((name) => `${parent}/${name}`),
    ),
  )
  return all.flat()
}

/** The files in them, records of owners aside. */
export const scratchFiles = async (dataDir: string): Promise<ReadonlyArray<string>> => {
  const inside = async (folder: string) =>
    (await readdir(join(dataDir, folder)).catch((): Array<string> => []))
      .filter((name) => name !== "owner.json")
      .map((name) => `${folder}/${name}`)
  return (await Promise.all((await scratchFolders(dataDir)).map(inside))).flat()
}

/** Begins an upload of audio and never ends it. Done once the gateway has gone. */
export const unfinishedUpload = (url: string, key?: string): Promise<void> =>
  new Promise((resolve) => {
    const socket = connect(Number(new URL(url).port), "127.0.0.1")
    socket.on("error", () => {})
    socket.on("close", () => resolve())
    socket.write(
      "POST /v1/audio/transcriptions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: multipart/form-data; boundary=b\r\n" +
        (key === undefined ? "" : `authorization: Bearer ${key}\r\n`) +
        'content-length: 1000000\r\n\r\n--b\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\n\r\n' +
        "x".repeat(50_000),
    )
  })

/** Waits until an upload has begun to be written: a kill that comes before it shows nothing. */
export const uploadBegun = async (dataDir: string): Promise<void> => {
  while (!(await scratchFiles(dataDir)).some((file) => file.startsWith("tmp/"))) await setTimeout(5)
}
