import { type Asked, brisk, calm, drive, type Load, newName, type Turn } from "./Drive.ts"

/**
 * How often and how long each program is driven.
 *
 * @property warmUpSeconds before it is first asked for something of a kind. V8 compiles what is run once a request until it has run ten thousand times
 */
export interface Pace {
  readonly rounds: number
  readonly seconds: number
  readonly warmUpSeconds: number
}

/**
 * The medians of a program's turns.
 *
 * @property cpuMicros that the program computed for a request
 * @property p50 milliseconds
 * @property turns cpuMicros of each
 */
export interface Medians {
  readonly program: string
  readonly cpuMicros: number
  readonly perSecond: number
  readonly p50: number
  readonly bytes: number
  readonly turns: ReadonlyArray<number>
}

export const median = (values: ReadonlyArray<number>): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** Programs, by process, and whether they were asked for misses or for hits. */
const warmed = new Set<string>()

/** Of the first warm-up, where what follows runs the same code for answers of another size. */
const again = 1 / 8

/**
 * Clients leave in the midst of what they asked for at the end of each part, as they do at the end of each turn. What a program does then, V8 has not
 * seen before: it threw away 110 of a gateway's functions after a warm-up in one part, and compiled them anew while what was measured went on.
 */
const parts = 6

/** Half a minute of the load, or of one that is `brisk` where that is calm, until V8 has compiled what is asked for. */
export const warmUp = async (asked: Asked, load: Load, seconds: number): Promise<void> => {
  const kind = `${asked.program.pid} ${JSON.stringify(asked.body ?? "").includes(newName)}`
  const isWarm = warmed.has(kind)
  warmed.add(kind)
  const partSeconds = Math.ceil((isWarm ? seconds * again : seconds) / parts)
  for (let part = 0; part < parts; part++) await drive(asked, load === calm ? brisk : load, partSeconds)
}

/**
 * Drives what is asked in turn, A B C A B C: what slows the machine for a while then slows all of them. Before, each is warmed
 * up, which does not count.
 */
export const inTurn = async (
  asked: ReadonlyArray<Asked>,
  load: Load,
  { rounds, seconds, warmUpSeconds }: Pace,
  onTurn: (name: string) => void,
): Promise<ReadonlyArray<Medians>> => {
  const turns = asked.map((): Array<Turn> => [])
  for (const one of asked) {
    onTurn(`${one.program.name} warms up`)
    await warmUp(one, load, warmUpSeconds)
  }
  for (let round = 1; round <= rounds; round++) {
    for (const [index, one] of asked.entries()) {
      onTurn(`${one.program.name} ${round}/${rounds}`)
      turns[index]!.push(await drive(one, load, seconds))
    }
  }
  return asked.map(({ program }, index) => {
    const of = (field: keyof Turn) => median(turns[index]!.map((turn) => turn[field]))
    return {
      program: program.name,
      cpuMicros: of("cpuMicros"),
      perSecond: of("perSecond"),
      p50: of("p50"),
      bytes: of("bytes"),
      turns: turns[index]!.map(({ cpuMicros }) => cpuMicros),
    }
  })
}
