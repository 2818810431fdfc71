import { Option } from "effect"

const pattern = /^([+-]?)(\d{1,9})(?:\.(\d{1,6}))?$/

/** Micro-units of an amount as a person writes it, such as `12.50`; digit by digit, since 0.29 × 10⁶ is not whole. */
export const microUnits = (written: string): Option.Option<number> => {
  const [, sign, whole, fraction = ""] = pattern.exec(written) ?? []
  if (whole === undefined) return Option.none()
  const size = Number(whole) * 1_000_000 + Number(fraction.padEnd(6, "0"))
  return Option.some(sign === "-" && size !== 0 ? -size : size)
}

/** Micro-units as a person reads them: at least two decimals, at most six. */
export const money = (amount: number): string => {
  const size = Math.abs(amount)
  const fraction = String(size % 1_000_000)
    .padStart(6, "0")
    .replace(/0{1,4}$/, "")
  return `${amount < 0 ? "-" : ""}${Math.floor(size / 1_000_000)}.${fraction}`
}
