const units =
  "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split(
    " ",
  )
const tens = "- - twenty thirty forty fifty sixty seventy eighty ninety".split(" ")

const below100 = (n: number): string =>
  n < 20 ? units[n]! : `${tens[Math.floor(n / 10)]} ${n % 10 === 0 ? "" : units[n % 10]}`.trim()

const below1000 = (n: number, and: string): string => {
  if (n < 100) return below100(n)
  const rest = n % 100
  return `${units[Math.floor(n / 100)]} hundred${rest === 0 ? "" : `${and} ${below100(rest)}`}`
}

const cardinal = (n: number, and: string): string => {
  if (n < 1_000) return below1000(n, and)
  const rest = n % 1_000
  return `${below1000(Math.floor(n / 1_000), and)} thousand${rest === 0 ? "" : rest < 100 ? `${and} ${below100(rest)}` : ` ${below1000(rest, and)}`}`
}

/** Every customary way to say the digits of one number. */
const waysOf = (digits: string): ReadonlyArray<string> => {
  const n = Number(digits)
  const each = (zero: string) => Array.from(digits, (digit) => (digit === "0" ? zero : units[Number(digit)]!)).join(" ")
  const ways = [each("zero"), each("oh")]
  if (!digits.startsWith("0") && n < 1_000_000) ways.push(cardinal(n, ""), cardinal(n, " and"))
  if (digits.length === 4) {
    const [left, right] = [digits.slice(0, 2), digits.slice(2)]
    const pair = (two: string) => (two.startsWith("0") ? `oh ${units[Number(two[1])]}` : below100(Number(two)))
    ways.push(`${pair(left)} ${right === "00" ? "hundred" : pair(right)}`)
  }
  return [...new Set(ways)]
}

/** Every customary way to read `text` aloud: its numbers, amounts of dollars and times in words. */
export const readAloud = (text: string): ReadonlyArray<string> => {
  const written = text
    .replace(/(\d),(\d{3})/g, "$1$2")
    .replace(/(\d)-(\d)/g, "$1 $2")
    .replace(/°|º/g, " degrees ")
    .replace(/%/g, " percent ")
  const money = /\$(\d+)(?:\.(\d{2}))?/.exec(written)
  if (money !== null) {
    const [whole, dollars, cents] = money
    const amounts = waysOf(dollars!).flatMap((amount) =>
      cents === undefined
        ? [`${amount} dollars`]
        : waysOf(cents).flatMap((more) => [
            `${amount} dollars and ${more} cents`,
            `${amount} dollars ${more} cents`,
            `${amount} dollars ${more}`,
          ]),
    )
    return amounts.flatMap((amount) => readAloud(written.replace(whole, amount)))
  }
  const time = /(\d{1,2}):(\d{2})/.exec(written)
  if (time !== null) return readAloud(written.replace(time[0], `${time[1]} ${time[2]}`))
  const number = /\d+/.exec(written)
  if (number === null) return [written]
  return waysOf(number[0]).flatMap((way) => readAloud(written.replace(number[0], way)))
}
