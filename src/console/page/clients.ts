import { clientLines } from "./clientLines.ts"

/** How one client is pointed at a gateway: lines to copy, with `sk-…` or `$OPENAI_API_KEY` where a key goes. */
export interface Client {
  readonly name: string
  readonly blocks: ReadonlyArray<string>
}

/** The lines of docs/clients.md, for the gateway at `origin`. */
export const clients = (origin: string): ReadonlyArray<Client> =>
  clientLines.map(({ blocks, name }) => ({
    name,
    blocks: blocks.map((lines) => lines.replaceAll("http://aviary:8000", origin)),
  }))
