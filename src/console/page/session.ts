import type { Visitor } from "../../contract/ConsoleGroup.ts"

/**
 * The admin token, or a key, for as long as the page is open: in a variable of this module and nowhere else. A cookie would go to
 * whatever else listens on this machine, whose ports browsers do not tell apart; a store would outlast the page.
 */
let token: string | undefined

type Who = Visitor["who"]

let visitor: Visitor = { who: "stranger", access: "keys", formats: ["mp3"] }
const listeners = new Set<() => void>()

export const current = (): Visitor => visitor

/** Runs `changed` whenever somebody signs in or out; gives what stops that. */
export const onChange = (changed: () => void): (() => void) => {
  listeners.add(changed)
  return () => void listeners.delete(changed)
}

export const bearer = (): Record<string, string> => (token === undefined ? {} : { authorization: `Bearer ${token}` })

const ask = async (presented: string | undefined): Promise<Visitor> => {
  const headers: Record<string, string> = presented === undefined ? {} : { authorization: `Bearer ${presented}` }
  const response = await fetch("/console/who", { headers })
  if (!response.ok) throw new Error(`The gateway answered ${response.status}.`)
  return (await response.json()) as Visitor
}

const become = (found: Visitor) => {
  visitor = found
  for (const changed of listeners) changed()
}

/** Finds out what may be shown without signing in. */
export const arrive = async (): Promise<void> => become(await ask(token))

/** Whether `presented` is the admin token or a key; if it is, it is used from now on. */
export const signIn = async (presented: string): Promise<boolean> => {
  const found = await ask(presented)
  const knows: ReadonlyArray<Who> = ["operator", "client"]
  if (!knows.includes(found.who)) return false
  token = presented
  become(found)
  return true
}

export const signOut = async (): Promise<void> => {
  token = undefined
  await arrive()
}
