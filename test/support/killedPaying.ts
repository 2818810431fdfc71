import { Effect, FileSystem } from "effect"
import { Agent, request } from "node:http"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { wavHeader } from "../../src/audio/WavHeader.ts"
import { price } from "../../src/billing/RateCard.ts"
import { billedQuantity, type Served, type Usage } from "../../src/billing/Usage.ts"
import { rates } from "./billing.ts"
import { countedNim } from "./countedNim.ts"
import { makeDice } from "./dice.ts"
import { startProcess } from "./gatewayProcess.ts"
import { scratchFiles, scratchFolders, unfinishedUpload, uploadBegun } from "./killedUploads.ts"
import { ledgerOf, openAccounts } from "./ledgerFile.ts"

/**
 * What a series of kills showed.
 *
 * @property clean answers that ended cleanly, each of which is charged
 * @property cut answers that a kill broke off, and that cost nothing
 * @property keptBack of those, answers that had been charged, and were paid back
 * @property forgiven answers that ended cleanly and were paid back all the same: a client's last before a kill, which came before the
 *   ledger knew that it was out
 * @property repeated requests with an idempotency key that a kill broke off, asked again in a later life and charged once
 * @property uploads unfinished ones that a kill left behind, all gone when the next gateway listened
 * @property expired holds whose owner was killed
 * @property faults whatever was not as it must be
 */
export interface PaidFigures {
  readonly kills: number
  readonly clean: number
  readonly cut: number
  readonly keptBack: number
  readonly forgiven: number
  readonly repeated: number
  readonly uploads: number
  readonly expired: number
  readonly faults: ReadonlyArray<string>
}

interface Asked {
  readonly usage: Usage
  readonly path: string
  readonly headers: Record<string, string>
  readonly body: string | Buffer
  /** The same for whatever must be answered with as many bytes. */
  readonly name: string
}

interface Heard {
  readonly clean: boolean
  readonly status: number | undefined
  readonly served: Served | undefined
  readonly bytes: number
}

interface Charge {
  readonly hold: string
  readonly quantity: number
  readonly served: Served
  readonly amount: number
}

/** Texts of different lengths, so that a charge says which it is for. */
const texts = Array.from(
  { length: 10 },
  (_, index) => "Paid for, or not at all. ".repeat(1 + (index % 3)) + "x".repeat(index),
)
const formats = ["pcm", "wav"] as const

const speech = (input: string, format: string, refresh: boolean): Asked => ({
  usage: { kind: "speech", model: "", characters: input.length },
  path: "/v1/audio/speech",
  headers: { "content-type": "application/json", ...(refresh ? { "cache-control": "no-cache" } : {}) },
  body: JSON.stringify({ model: "tts-1", voice: "alloy", input, response_format: format }),
  name: `${format} of ${input.length}`,
})

const boundary = "a-part-of-a-transcription"

const transcription = (seconds: number): Asked => {
  const samples = Int16Array.from({ length: 16_000 * seconds }, (_, i) => 6_000 * Math.sin(i / 9))
  const part = (head: string) => `--${boundary}\r\ncontent-disposition: form-data; ${head}\r\n\r\n`
  return {
    usage: { kind: "transcription", model: "", audioMillis: 1_000 * seconds },
    path: "/v1/audio/transcriptions",
    headers: { "content-type": `multipart/form-data; boundary=${boundary}` },
    body: Buffer.concat([
      Buffer.from(`${part('name="model"')}whisper-1\r\n${part('name="file"; filename="clip.wav"')}`),
      wavHeader(16_000, samples.byteLength),
      Buffer.from(samples.buffer),
      Buffer.from(`\r\n--${boundary}--\r\n`),
    ]),
    name: `transcription of ${seconds}`,
  }
}
const transcriptions = [1, 2, 3].map(transcription)

const hear = (agent: Agent, url: string, key: string, { body, headers, path }: Asked, idempotency?: string) =>
  new Promise<Heard>((resolve) => {
    let [status, served, bytes]: [number | undefined, Served | undefined, number] = [undefined, undefined, 0]
    const over = (clean: boolean) => resolve({ clean, status, served, bytes })
    const asked = request(
      url + path,
      {
        agent,
        method: "POST",
        headers: {
          ...headers,
          authorization: `Bearer ${key}`,
          "content-length": Buffer.byteLength(body),
          ...(idempotency === undefined ? {} : { "idempotency-key": idempotency }),
        },
      },
      (response) => {
        status = response.statusCode
        served = response.headers["x-cache"] as Served | undefined
        response.on("data", (chunk: Buffer) => (bytes += chunk.length))
        response.on("error", () => over(false))
        response.on("end", () => over(response.complete && status === 200))
      },
    )
    asked.on("error", () => over(false))
    asked.end(body)
  })

/** All charges of an account, oldest first, also those that were paid back. */
const chargesOf = (book: DatabaseSync, accountId: string): ReadonlyArray<Charge> =>
  book
    .prepare(
      "SELECT hold_id AS hold, quantity, served, 0 - amount AS amount FROM entries WHERE account_id = ? AND kind = 'charge' ORDER BY id",
    )
    .all(accountId) as never

const plainClients = 6
const repeatingClients = 2
/** Nobody is served for longer without a renewal, and a repeated request has to wait for it. */
const holdTimeout = 2_000

/**
 * Kills the gateway's process so many times, at moments of `seed`'s choosing, while clients with accounts of their own pay
 * for speeches and transcriptions. What each heard is compared with its charges once the next gateway listens. Some send an
 * idempotency key, and ask again in the next life what was cut in this one.
 */
export const killPaying = Effect.fnUntraced(function* (options: {
  readonly kills: number
  readonly seed: number
  readonly onKill?: (so: PaidFigures) => void
}) {
  const fs = yield* FileSystem.FileSystem
  const dice = makeDice(options.seed)
  const nim = yield* countedNim()
  yield* nim.setFaults([{ kind: "slow", millis: 1, route: "synthesize_online" }])
  const dataDir = yield* fs.makeTempDirectoryScoped({ prefix: "aviary-paying-" })
  const accounts = yield* openAccounts(
    Array.from({ length: plainClients + repeatingClients + 1 }, (_, index) =>
      index % 2 === 0 ? { kind: "prepaid", overdraft: 0 } : { kind: "metered", monthlyCap: null },
    ),
    10_000_000,
  ).pipe(Effect.provide(ledgerOf(dataDir)), Effect.orDie)
  const book = yield* Effect.acquireRelease(
    Effect.sync(() => new DatabaseSync(join(dataDir, "ledger.sqlite"), { readOnly: true })),
    (opened) => Effect.sync(() => opened.close()),
  )
  const start = startProcess({
    AVIARY_DATA_DIR: dataDir,
    AVIARY_MAGPIE_URL: nim.url.href,
    AVIARY_PARAKEET_URL: nim.url.href,
    AVIARY_MAGPIE_CONCURRENCY: "8",
    AVIARY_PARAKEET_CONCURRENCY: "8",
    AVIARY_ACCESS: "keys",
    AVIARY_HOLD_TIMEOUT: `${holdTimeout} millis`,
    AVIARY_LOG_LEVEL: "error",
  })

  const faults: Array<string> = []
  let [clean, cut, keptBack, forgiven, repeated, uploads] = [0, 0, 0, 0, 0, 0]
  const wholes = new Map<string, number>()
  /** Called at every answer that ends cleanly. */
  let begun: (() => unknown) | undefined
  const choose = (): Asked =>
    dice.chance(0.2) ? dice.pick(transcriptions) : speech(dice.pick(texts), dice.pick(formats), dice.chance(0.6))
  const fits = (charge: Charge, { usage }: Asked, served: Served | undefined) =>
    charge.quantity === billedQuantity(usage) &&
    (served === undefined || charge.served === served) &&
    charge.amount === price(rates, usage, charge.served)

  const paidBack = (hold: string) =>
    book.prepare("SELECT 1 FROM entries WHERE kind = 'refund' AND hold_id = ?").get(hold) !== undefined

  /** What one client asks and hears in one life, until the gateway is gone. */
  const plain = ({ id, key }: (typeof accounts)[number]) => {
    let seen = 0
    /** By hold, what must have become of its charge in the end. */
    const ends = new Map<string, "stands" | "stands or was forgiven" | "was kept back">()
    let log: Array<{ readonly asked: Asked; readonly heard: Heard }> = []
    return {
      live: async (url: string) => {
        const agent = new Agent({ keepAlive: true })
        for (let alive = true; alive;) {
          const asked = choose()
          const heard = await hear(agent, url, key, asked)
          log.push({ asked, heard })
          if (heard.clean) begun?.()
          if (heard.status !== undefined && heard.status !== 200) faults.push(`${asked.name} answered ${heard.status}`)
          if (heard.clean && heard.bytes !== (wholes.get(asked.name) ?? heard.bytes))
            faults.push(`${asked.name} ended cleanly after ${heard.bytes} bytes`)
          alive = heard.clean
        }
        agent.destroy()
      },
      check: () => {
        const charges = chargesOf(book, id).slice(seen)
        seen += charges.length
        const [paid, lost] = [log.filter(({ heard }) => heard.clean), log.at(-1)]
        log = []
        clean += paid.length
        paid.forEach(({ asked, heard }, index) => {
          const charge = charges[index]
          const served = asked.usage.kind === "speech" ? heard.served : "MISS"
          if (charge === undefined || !fits(charge, asked, served))
            faults.push(`${asked.name} was heard whole (${heard.served}); its charge is ${JSON.stringify(charge)}`)
          // Whoever is answered again has had the word of what is out taken along.
          const last = index === paid.length - 1 && (lost === undefined || lost.heard.status === undefined)
          if (charge !== undefined) ends.set(charge.hold, last ? "stands or was forgiven" : "stands")
        })
        if (lost === undefined || lost.heard.clean) return
        const [extra, ...more] = charges.slice(paid.length)
        if (more.length > 0) faults.push(`charged ${1 + more.length} times for nothing`)
        cut++
        if (extra === undefined) return
        if (!fits(extra, lost.asked, lost.heard.served))
          faults.push(`${lost.asked.name} was lost; ${JSON.stringify(extra)} was charged`)
        ends.set(extra.hold, "was kept back")
      },
      checkEnds: () => {
        for (const [hold, end] of ends) {
          const back = paidBack(hold)
          if (end === "stands" ? back : end === "was kept back" && !back)
            faults.push(`the charge of ${hold} ${end}: no`)
          else if (back && end === "was kept back") keptBack++
          else if (back) forgiven++
        }
      },
    }
  }

  /** The same with idempotency keys: what was lost is asked again until it is heard. */
  const repeating = ({ id, key }: (typeof accounts)[number]) => {
    const done: Array<Asked> = []
    /** Those that were the last before a kill. */
    const lasts = new Set<number>()
    let pending: Asked | undefined
    return {
      live: async (url: string, until: () => boolean) => {
        const agent = new Agent({ keepAlive: true })
        while (!until()) {
          const again = pending !== undefined
          pending ??= choose()
          const heard = await hear(agent, url, key, pending, `request ${done.length}`)
          if (heard.status === 409) await new Promise((resolve) => setTimeout(resolve, 100))
          else if (heard.status !== undefined && heard.status !== 200)
            faults.push(`${pending.name} answered ${heard.status}`)
          if (heard.status === undefined || (heard.status === 200 && !heard.clean)) break
          if (!heard.clean) continue
          done.push(pending)
          pending = undefined
          if (again) repeated++
        }
        lasts.add(done.length - 1)
        agent.destroy()
      },
      checkEnds: () => {
        const standing = chargesOf(book, id).filter(({ hold }) => !paidBack(hold))
        const holdOf = book.prepare("SELECT hold_id AS hold FROM idempotency WHERE account_id = ? AND key = ?")
        let free = 0
        done.forEach((asked, index) => {
          const { hold } = holdOf.get(id, `request ${index}`) as { hold: string }
          const charge = standing.find((one) => one.hold === hold)
          if (charge === undefined && lasts.has(index)) free++
          else if (charge === undefined || !fits(charge, asked, undefined))
            faults.push(`request ${index}, ${asked.name}, is charged as ${JSON.stringify(charge)}`)
        })
        if (standing.length !== done.length - free)
          faults.push(`${done.length} requests, ${free} forgiven, ${standing.length} charges`)
        forgiven += free
        if (pending !== undefined) faults.push(`${pending.name} was never answered`)
        clean += done.length
      },
      settled: () => pending === undefined,
    }
  }

  const plains = accounts.slice(0, plainClients).map(plain)
  const repeaters = accounts.slice(plainClients, -1).map(repeating)
  const count = (sql: string) => Number(Object.values(book.prepare(sql).get()!)[0])
  const figures = (kills: number): PaidFigures => ({
    ...{ kills, clean, cut, keptBack, forgiven, repeated, uploads, faults },
    expired: count("SELECT count(*) FROM holds WHERE state = 'expired'"),
  })

  /** Learns how long everything is, at the cost of a client who takes no part. */
  const listen = async (url: string) => {
    const agent = new Agent({ keepAlive: true })
    const speeches = texts.flatMap((text) => formats.map((format) => speech(text, format, true)))
    for (const asked of [...speeches, ...transcriptions])
      wholes.set(asked.name, (await hear(agent, url, accounts.at(-1)!.key, asked)).bytes)
    agent.destroy()
  }

  const live = Effect.fnUntraced(function* (round: number) {
    const dead = yield* Effect.promise(() => scratchFolders(dataDir))
    uploads += (yield* Effect.promise(() => scratchFiles(dataDir))).filter((file) => file.startsWith("tmp/")).length
    const gateway = yield* start
    const unswept = (yield* Effect.promise(() => scratchFolders(dataDir))).filter((folder) => dead.includes(folder))
    if (unswept.length > 0) faults.push(`not swept: ${unswept.join(", ")}`)
    if (round === 0) yield* Effect.promise(() => listen(gateway.url))
    plains.forEach(({ check }) => check())
    if (round === options.kills) {
      yield* Effect.promise(() => Promise.all(repeaters.map(({ live, settled }) => live(gateway.url, settled))))
      gateway.signal("SIGTERM")
      yield* gateway.exited
      return
    }
    let awaited = dice.chance(0.9) ? 1 + dice.below(20) : 0
    const answered = new Promise<void>((resolve) => (begun = () => --awaited <= 0 && resolve()))
    if (awaited === 0) begun?.()
    const load = [
      ...plains.map(({ live }) => live(gateway.url)),
      ...repeaters.map(({ live }) => live(gateway.url, () => false)),
      unfinishedUpload(gateway.url, accounts.at(-1)!.key),
    ]
    // Counted in answers, since a gateway that has just started is slow; then at any moment.
    yield* Effect.timeoutOption(
      Effect.promise(() => answered),
      "10 seconds",
    )
    yield* Effect.promise(() => uploadBegun(dataDir))
    yield* Effect.sleep(dice.below(300))
    yield* gateway.kill
    yield* Effect.promise(() => Promise.all(load))
    options.onKill?.(figures(round + 1))
  })

  for (let round = 0; round < options.kills; round++) yield* Effect.scoped(live(round))
  yield* Effect.sleep(holdTimeout)
  yield* Effect.scoped(live(options.kills))

  for (const { checkEnds } of [...plains, ...repeaters]) checkEnds()
  const wrong = {
    "holds that have not ended": "SELECT count(*) FROM holds WHERE state = 'held'",
    "balances that are not the sum of their entries":
      "SELECT count(*) FROM accounts WHERE balance <> (SELECT coalesce(sum(amount), 0) FROM entries WHERE account_id = accounts.id)",
    "prepaid accounts below zero": "SELECT count(*) FROM accounts WHERE kind = 'prepaid' AND balance < 0",
    "answers that nobody knows to be out": "SELECT count(*) FROM undelivered",
    "holds charged twice": "SELECT count(*) - count(DISTINCT hold_id) FROM entries WHERE kind = 'charge'",
    "holds settled without a charge":
      "SELECT count(*) FROM holds WHERE state = 'settled' AND id NOT IN (SELECT hold_id FROM entries WHERE kind = 'charge')",
  }
  for (const [what, sql] of Object.entries(wrong)) if (count(sql) > 0) faults.push(`${count(sql)} ${what}`)
  return figures(options.kills)
})
