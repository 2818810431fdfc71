import { Duration, Effect, Redacted, Schema } from "effect"
import { Settings, SettingsError, table } from "../Settings.ts"
import type { EngineAddress } from "../upstream/EngineAddress.ts"
import type { EngineKind } from "../upstream/EngineKind.ts"
import { withoutCredentials } from "../upstream/EngineUrl.ts"
import { itemsOf, optionOf } from "./MemberList.ts"
import { parseRestartTarget, type RestartTarget } from "./RestartTarget.ts"

/** A way to do something to an engine. */
export type Way = Exclude<RestartTarget, { readonly kind: "none" }>

/**
 * How an engine is stopped while nobody needs it.
 *
 * @property idleMillis how long nobody must have needed it
 */
export interface OnDemandSettings {
  readonly idleMillis: number
  readonly start: Way
  readonly stop: Way
}

/**
 * One engine as the settings have it.
 *
 * @property address absent: the engine inside this process
 * @property concurrency calls that it gets at once
 * @property restart what restarts it
 * @property onDemand absent: it is never stopped
 */
export interface MemberSettings {
  readonly address: EngineAddress | undefined
  readonly concurrency: number
  readonly restart: RestartTarget
  readonly onDemand: OnDemandSettings | undefined
}

const accepts =
  'it accepts URLs separated by commas, each with options after it: protocol= key= model= voices= concurrency= restart= start= stop= idle=, such as http://spark-1:9000 restart=docker:parakeet, http://spark-2:9000 protocol=openai concurrency=2 restart=command:["ssh","spark-2","docker","restart","parakeet"]'

const options = ["protocol", "key", "model", "voices", "concurrency", "restart", "start", "stop", "idle"] as const
type Option = (typeof options)[number]
const isOption = (name: string): name is Option => options.some((option) => option === name)

// Of either kind: an option takes what the setting of its name takes.
const decodeProtocol = Schema.decodeUnknownEffect(table.parakeetProtocol.codec)
const decodeConcurrency = Schema.decodeUnknownEffect(table.parakeetConcurrency.codec)
const decodeIdle = Schema.decodeUnknownEffect(table.parakeetIdle.codec)

/** The settings of one kind, which hold for the only engine, or for those of a list that say nothing else. */
const settingsOf = (kind: EngineKind, settings: Settings["Service"]) => ({
  url: settings[`${kind}Url`],
  urls: settings[`${kind}Urls`],
  protocol: settings[`${kind}Protocol`],
  key: settings[`${kind}Key`],
  concurrency: settings[`${kind}Concurrency`],
  restart: settings[`${kind}Restart`],
  start: settings[`${kind}Start`],
  stop: settings[`${kind}Stop`],
  idle: settings[`${kind}Idle`],
})

const namesOf = (kind: EngineKind) => ({
  url: table[`${kind}Url`].name,
  urls: table[`${kind}Urls`].name,
  restart: table[`${kind}Restart`].name,
  start: table[`${kind}Start`].name,
  stop: table[`${kind}Stop`].name,
  idle: table[`${kind}Idle`].name,
})

/** How an engine is stopped and started. A container that may be restarted may be stopped and started too. */
const onDemandOf = (
  idle: Duration.Duration | undefined,
  ways: { readonly restart: RestartTarget; readonly start: RestartTarget; readonly stop: RestartTarget },
  refuse: (why: string) => SettingsError,
) => {
  if (idle === undefined) return Effect.undefined
  const byDocker = ways.restart.kind === "docker" ? ways.restart : undefined
  const start = ways.start.kind === "none" ? byDocker : ways.start
  const stop = ways.stop.kind === "none" ? byDocker : ways.stop
  return start === undefined || stop === undefined
    ? Effect.fail(
        refuse("an engine that is stopped while nobody needs it needs a way to be started and one to be stopped"),
      )
    : Effect.succeed<OnDemandSettings>({ idleMillis: Duration.toMillis(idle), start, stop })
}

const onlyMember = Effect.fnUntraced(function* (kind: EngineKind, settings: Settings["Service"]) {
  const own = settingsOf(kind, settings)
  const names = namesOf(kind)
  const restart = yield* parseRestartTarget(names.restart, own.restart)
  const start = yield* parseRestartTarget(names.start, own.start)
  const stop = yield* parseRestartTarget(names.stop, own.stop)
  const onDemand = yield* onDemandOf(own.idle, { restart, start, stop }, (why) => {
    const how = `Set ${names.start} and ${names.stop}, or ${names.restart}=docker:NAME.`
    return new SettingsError({ message: `${names.idle} is set, and ${why}. ${how}` })
  })
  return {
    address: own.url === undefined ? undefined : { url: own.url, protocol: own.protocol, key: own.key },
    concurrency: own.concurrency,
    restart,
    onDemand,
  } satisfies MemberSettings
})

/** The options that follow a URL, and what is wrong with them, in the words of whoever wrote them but for the key. */
const readOptions = (words: ReadonlyArray<string>): Partial<Record<Option, string>> | string => {
  const given: Partial<Record<Option, string>> = {}
  for (const word of words) {
    const [name, value] = optionOf(word)
    // A key that stands alone by a slip is not repeated.
    if (!word.includes("=")) return "something is not written name=value"
    if (!isOption(name)) return `${JSON.stringify(name)} is no option`
    if (value === "") return `${name}= has no value`
    if (given[name] !== undefined) return `${name}= is there twice`
    given[name] = value
  }
  return given
}

const readMember = Effect.fnUntraced(function* (
  kind: EngineKind,
  settings: Settings["Service"],
  [written = "", ...words]: ReadonlyArray<string>,
  number: number,
) {
  const own = settingsOf(kind, settings)
  const name = namesOf(kind).urls
  const url = URL.parse(written)
  const shown = url === null ? `number ${number}` : withoutCredentials(url).href
  const refuse = (why: string) =>
    new SettingsError({ message: `${name} is not valid: of ${shown}, ${why}; ${accepts}.` })
  if (url === null || !/^https?:$/.test(url.protocol))
    return yield* refuse("what stands first is no http:// or https:// URL")
  const given = readOptions(words)
  if (typeof given === "string") return yield* refuse(given)
  const decoded = <A>(
    option: Option,
    decode: (value: unknown) => Effect.Effect<A, unknown>,
    otherwise: A,
    takes: string,
  ) =>
    given[option] === undefined
      ? Effect.succeed(otherwise)
      : Effect.mapError(decode(given[option]), () => refuse(`${option}=${given[option]} is not ${takes}`))
  const way = (option: "restart" | "start" | "stop") =>
    parseRestartTarget(`${option}= of ${shown} in ${name}`, given[option] ?? "none")

  const ways = { restart: yield* way("restart"), start: yield* way("start"), stop: yield* way("stop") }
  const idle = yield* decoded("idle", decodeIdle, own.idle, table.parakeetIdle.accepts)
  return {
    address: {
      url,
      protocol: yield* decoded("protocol", decodeProtocol, own.protocol, "auto, nim or openai"),
      key: given.key === undefined ? own.key : Redacted.make(given.key),
      ...(given.model !== undefined && { model: given.model }),
      ...(given.voices !== undefined && { voices: given.voices.split(",").map((voice) => voice.trim()) }),
    },
    concurrency: yield* decoded("concurrency", decodeConcurrency, own.concurrency, "a whole number from 1 to 1000"),
    restart: ways.restart,
    onDemand: yield* onDemandOf(idle, ways, (why) => refuse(`${why}: start= and stop=, or restart=docker:NAME`)),
  } satisfies MemberSettings
})

/**
 * The engines of a kind that the settings name, in their order: those of the list, else the one URL, else the engine inside this
 * process. What a member of a list does not say, the settings of its kind do, but for ways to restart, start and stop: those are of
 * one engine.
 */
export const readMembers = Effect.fnUntraced(function* (kind: EngineKind) {
  const settings = yield* Settings
  const own = settingsOf(kind, settings)
  const names = namesOf(kind)
  if (own.urls === undefined) return [yield* onlyMember(kind, settings)] as const
  const refuse = (message: string) => new SettingsError({ message })
  if (own.url !== undefined)
    return yield* refuse(`${names.url} and ${names.urls} are both set: name all in ${names.urls}.`)
  for (const way of ["restart", "start", "stop"] as const) {
    if (own[way] !== "none")
      return yield* refuse(
        `${names[way]} is of one engine, and ${names.urls} names several: write ${way}= after its URL there.`,
      )
  }
  const items = itemsOf(Redacted.value(own.urls))
  const [first, ...others] = yield* Effect.forEach(items, (words, index) =>
    readMember(kind, settings, words, index + 1),
  )
  if (first === undefined) return yield* refuse(`${names.urls} names no engine; ${accepts}.`)
  return [first, ...others] as const
})
