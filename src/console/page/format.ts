const none = "–"

export const count = (value: number | null | undefined): string =>
  value === null || value === undefined ? none : value.toLocaleString("en-US")

export const millis = (value: number | null | undefined): string => {
  if (value === null || value === undefined) return none
  if (value < 1_000) return `${Math.round(value)} ms`
  if (value < 60_000) return `${(value / 1_000).toFixed(value < 10_000 ? 2 : 1)} s`
  const minutes = Math.floor(value / 60_000)
  const and = (rest: number, unit: string) => (rest === 0 ? "" : ` ${rest} ${unit}`)
  if (minutes < 60) return `${minutes} min${and(Math.floor((value % 60_000) / 1_000), "s")}`
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${hours} h${and(minutes % 60, "min")}` : `${Math.floor(hours / 24)} days`
}

const byteUnits = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]

export const bytes = (value: number | null | undefined): string => {
  if (value === null || value === undefined) return none
  const power = value < 1 ? 0 : Math.min(byteUnits.length - 1, Math.floor(Math.log2(value) / 10))
  const scaled = value / 1_024 ** power
  return `${power === 0 || scaled >= 100 ? Math.round(scaled) : scaled.toFixed(1)} ${byteUnits[power]}`
}

export const percent = (share: number | null | undefined): string =>
  share === null || share === undefined || Number.isNaN(share)
    ? none
    : `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`

/** Micro-units as money; small prices keep their digits. */
export const money = (microUnits: number | null | undefined, currency: string): string => {
  if (microUnits === null || microUnits === undefined) return none
  const amount = microUnits / 1_000_000
  return written(amount, currency, amount !== 0 && Math.abs(amount) < 0.1 ? 6 : 2)
}

/** Micro-units as money, to the last of them: prices, and entries that are to add up. */
export const exactMoney = (microUnits: number, currency: string): string => written(microUnits / 1_000_000, currency, 6)

const written = (amount: number, currency: string, digits: number): string =>
  new Intl.NumberFormat("en-US", {
    style: "currency",
    currency: currency.toUpperCase(),
    minimumFractionDigits: 2,
    maximumFractionDigits: digits,
  }).format(amount)

export const moment = (at: number): string =>
  new Date(at).toLocaleString("sv-SE", { dateStyle: "short", timeStyle: "medium" })

export const timeOfDay = (at: number): string => new Date(at).toLocaleTimeString("sv-SE")

/** How long ago, of Unix milliseconds. */
export const ago = (at: number): string => {
  const passed = Date.now() - at
  return passed < 1_000 ? "just now" : `${millis(passed)} ago`
}

/** `0:07.25` of seconds. */
export const position = (seconds: number): string =>
  `${Math.floor(seconds / 60)}:${(seconds % 60).toFixed(2).padStart(5, "0")}`
