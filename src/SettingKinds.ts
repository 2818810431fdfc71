import { ByteSize, Duration, Option, Schema, SchemaGetter, SchemaTransformation } from "effect"

/**
 * One environment variable.
 *
 * @property accepts completes the sentence "accepts …" in the message about a bad value
 * @property secret whether the value stays out of that message
 */
export interface Setting<A> {
  readonly name: string
  readonly codec: Schema.ConstraintCodec<A, unknown>
  readonly default: string | undefined
  readonly accepts: string
  readonly meaning: string
  readonly secret: boolean
}

/** One whose value is taken from the file again while the gateway runs. */
export interface LiveSetting<A> extends Setting<A> {
  readonly live: true
}

/** Marks a setting that can change while the gateway runs: `LiveSettings` has it, and whoever needs it asks there each time. */
export const live = <A>(one: Setting<A>): LiveSetting<A> => ({ ...one, live: true })

export const canChange = <A>(one: Setting<A>): one is LiveSetting<A> => "live" in one

type Defaulted<A, D> = D extends string ? A : A | undefined

const setting =
  <A>(codec: Schema.ConstraintCodec<A, unknown>, accepts: string, secret = false) =>
  <const D extends string | undefined>(name: string, byDefault: D, meaning: string): Setting<Defaulted<A, D>> => ({
    name,
    codec,
    default: byDefault,
    accepts,
    meaning,
    secret,
  })

/** Digits alone: `Number` would also read white space as 0, and "0x50" and "1e3" as numbers. */
const wholeNumber = Schema.String.check(Schema.isPattern(/^\d+$/)).pipe(Schema.decodeTo(Schema.FiniteFromString))

export const text = setting(Schema.NonEmptyString, "text")
// What follows the first word is read by the room that restarts engines, when the gateway starts.
export const restartTarget = setting(Schema.NonEmptyString, 'none, docker:NAME, or command:["program","argument",…]')
export const dockerHost = setting(Schema.NonEmptyString, "unix:///path/of/docker.sock or tcp://host:port")
export const port = setting(
  wholeNumber.check(Schema.isBetween({ minimum: 0, maximum: 65_535 })),
  "a port number from 0 to 65535; 0 takes a free one",
)
export const url = setting(
  Schema.URLFromString.check(Schema.makeFilter((u) => u.protocol === "http:" || u.protocol === "https:")),
  "a URL that starts with http:// or https://, such as http://spark:9000",
)
export const databaseUrl = setting(
  Schema.RedactedFromValue(
    Schema.Trim.check(Schema.makeFilter((written) => /^postgres(ql)?:$/.test(URL.parse(written)?.protocol ?? ""))),
  ),
  "a URL as libpq takes it, such as postgres://aviary:secret@db.lan/aviary?sslmode=verify-full",
  true,
)
/** Nothing that is waited for takes longer, and nothing takes no time: what is 0 by mistake would storm or refuse everything. */
export const durationFrom = (least: Duration.Input, most: Duration.Input, written: string) =>
  setting(
    Schema.DurationFromString.check(
      Schema.makeFilter((d) =>
        Duration.between(d, {
          minimum: Duration.fromInputUnsafe(least),
          maximum: Duration.fromInputUnsafe(most),
        }),
      ),
    ),
    `a duration ${written}, such as "500 millis", "60 seconds" or "5 minutes"`,
  )
export const duration = durationFrom("1 millis", "1 day", "above 0 and up to a day")
export const durationOrNone = durationFrom("0 millis", "1 day", "up to a day")
export const countTo = (most: number, least = 1) =>
  setting(
    wholeNumber.check(Schema.isBetween({ minimum: least, maximum: most })),
    `a whole number from ${least} to ${most}`,
  )
export const count = countTo(1_000_000)
export const countOrNone = countTo(1_000_000, 0)

/** Several values of one kind, separated by commas. */
const listOf = (one: Schema.ConstraintCodec<string, string>, accepts: string) =>
  setting(
    Schema.String.pipe(
      Schema.decodeTo(Schema.Array(one), {
        decode: SchemaGetter.transform((written: string) => written.split(",").flatMap((each) => each.trim() || [])),
        encode: SchemaGetter.transform((values: ReadonlyArray<string>) => values.join(",")),
      }),
    ),
    accepts,
  )
export const hosts = listOf(
  Schema.String.check(Schema.isPattern(/^([A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*|\[[0-9A-Fa-f:.]+\])$/)),
  "host names without a port, separated by commas, such as voice.example.com,aviary.lan",
)
export const origins = listOf(
  Schema.String.check(
    Schema.makeFilter((written) => {
      const url = URL.parse(written)
      return written === "null" || (url !== null && url.host !== "" && written === `${url.protocol}//${url.host}`)
    }),
  ),
  "origins as browsers send them, separated by commas, such as https://chat.example.com,http://localhost:3000",
)
/** Names, each with what it stands for. */
export const namesOf = (example: string) =>
  setting(Schema.fromJsonString(Schema.Record(Schema.NonEmptyString, Schema.NonEmptyString)), `JSON such as ${example}`)
export const paces = setting(
  Schema.fromJsonString(
    Schema.Record(
      Schema.String,
      Schema.Tuple([Schema.Finite, Schema.Finite]).check(
        Schema.makeFilter(([slowest, fastest]) => slowest > 0 && slowest < fastest),
      ),
    ),
  ),
  'JSON such as {"en":[1.5,20]}',
)
export const oneOf = <const L extends ReadonlyArray<string>>(...values: L) =>
  setting(Schema.Literals(values), values.map((v) => `"${v}"`).join(" or "))

/** Several engines; what follows the first URL is read by the room that keeps them, which names no key in its messages. */
export const members = setting(
  Schema.RedactedFromValue(Schema.NonEmptyString),
  "URLs separated by commas, each with options after it, such as http://spark-1:9000 restart=docker:parakeet, http://spark-2:9000 protocol=openai concurrency=2",
  true,
)

/** What is spoken to a server. */
export const protocol = oneOf("auto", "nim", "openai")

export const names = listOf(Schema.NonEmptyString, "names separated by commas, such as Aria,Jason")

/** What somebody else's server asks for, of whatever length. */
export const engineKey = setting(
  Schema.RedactedFromValue(Schema.Trim.check(Schema.isPattern(/^[\x21-\x7e]+$/))),
  "a key of ASCII characters without spaces",
  true,
)

/** In characters. A token that can be guessed opens every account, so one of an operator's own is held to it too. */
export const shortestAdminToken = 16

/** What an `Authorization` header can carry, less the white space that a file or a shell left around it. */
export const adminToken = setting(
  Schema.RedactedFromValue(
    Schema.Trim.check(Schema.isPattern(/^[\x20-\x7e]*$/), Schema.isMinLength(shortestAdminToken)),
  ),
  `a token of at least ${shortestAdminToken} ASCII characters, such as \`openssl rand -hex 32\` prints`,
  true,
)

const currencies: ReadonlySet<string> = new Set(Intl.supportedValuesOf("currency"))
export const currency = setting(
  Schema.String.pipe(Schema.decode(SchemaTransformation.toLowerCase())).check(
    Schema.makeFilter((code) => currencies.has(code.toUpperCase())),
  ),
  "the three letters of an ISO 4217 currency, such as eur",
)

const withUnit = (written: string) => (/^\d+$/.test(written.trim()) ? `${written.trim()} B` : written)
export const bytesFrom = (least: number, written: string) =>
  setting(
    Schema.String.check(
      Schema.makeFilter((written) =>
        Option.isSome(Option.flatMap(ByteSize.fromString(withUnit(written)), ByteSize.toNumber)),
      ),
    ).pipe(
      Schema.decodeTo(Schema.Finite, {
        decode: SchemaGetter.transform((written: string) =>
          ByteSize.toNumberUnsafe(ByteSize.fromStringUnsafe(withUnit(written))),
        ),
        encode: SchemaGetter.transform((size: number) => `${size} B`),
      }),
      Schema.check(Schema.isBetween({ minimum: least, maximum: 2 ** 50 })),
    ),
    `a number of bytes, with or without a unit, up to 1 PiB, such as "10 GiB" or "500000000"; ${written}`,
  )
export const bytes = bytesFrom(0, "0 for none")

/** A URL that is not valid may hold a password all the same. */
export const withoutPassword = (name: string, value: string) =>
  name.endsWith("_URL") ? value.replace(/^([a-z][a-z0-9+.-]*:\/\/)?.*@/is, "$1<hidden>@") : value
