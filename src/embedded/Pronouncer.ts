import { remembered } from "../audio/Remembered.ts"
import { runFlite } from "./FliteProgram.ts"
import type * as Wasm from "./Wasm.ts"

/** How English is read aloud, by Flite's own rules. */
export interface Pronouncer {
  /** The words that `text` is read as: `$5.20` is `five dollars twenty cents`. */
  readonly spoken: (text: string) => ReadonlyArray<string>
  /** The sounds of `word`, in the letters of CMU's dictionary, with spaces between. Empty where it has none. */
  readonly phones: (word: string) => string
}

/** Flite's letters that the dictionary writes otherwise: it has no unstressed vowels of their own. */
const respelled: Readonly<Record<string, string>> = {
  AX: "AH",
  AXR: "ER",
  IX: "IH",
  EL: "AH L",
  EM: "AH M",
  EN: "AH N",
}

/** Pronunciations that are remembered; most unknown words are names, which come again. */
const mostKept = 5_000

export const makePronouncer = (flite: Wasm.Module): Pronouncer => {
  const ask = (option: "-pw" | "-ps", text: string) =>
    runFlite(flite, [option, "-voice", "kal16", "-t", text, "-o", "none"])
      .printed.join(" ")
      .split(/\s+/)
      .filter((part) => part !== "")
  return {
    spoken: remembered((text) => ask("-pw", text), mostKept),
    phones: remembered(
      (word) =>
        ask("-ps", word)
          .map((phone) => phone.toUpperCase())
          .filter((phone) => phone !== "PAU")
          .map((phone) => respelled[phone] ?? phone)
          .join(" "),
      mostKept,
    ),
  }
}
