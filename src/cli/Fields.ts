import { Option, Schema } from "effect"
import { Argument, Flag } from "effect/cli"
import { integer, name as nameField } from "../contract/OperatorFields.ts"

const isName = Schema.is(nameField)
const names = () => "1 to 200 characters"

/** A name that a person gives. */
export const nameArgument = Argument.String("name").pipe(Argument.filter(isName, names))

/** A name, a reason or an operation's id, as a flag. */
export const textFlag = (name: string) => Flag.String(name).pipe(Flag.withMetavar("text"), Flag.filter(isName, names))

const whole = (minimum: number, maximum: number) => Schema.decodeOption(integer(minimum, maximum))

/** A whole number, as a flag. */
export const wholeFlag = (name: string, minimum: number, maximum = Number.MAX_SAFE_INTEGER) =>
  Flag.String(name).pipe(
    Flag.withMetavar("number"),
    Flag.filterMap(
      whole(minimum, maximum),
      () => `a whole number from ${minimum}${maximum === Number.MAX_SAFE_INTEGER ? "" : ` to ${maximum}`}`,
    ),
  )

/** A whole number from 1. */
export const wholeArgument = (name: string) =>
  Argument.String(name).pipe(Argument.filterMap(whole(1, Number.MAX_SAFE_INTEGER), () => "a whole number from 1"))

/** `--name` alone: `--no-name` would say nothing that leaving it out does not. */
export const switchFlag = (name: string) => Flag.Boolean(name).pipe(Flag.withoutNegation, Flag.withDefault(false))

/** The member `name` of what is sent, if its flag was given. */
export const given = <N extends string, A>(name: N, value: Option.Option<A>) =>
  (Option.isSome(value) ? { [name]: value.value } : {}) as { readonly [K in N]?: A }
