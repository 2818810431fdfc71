import type { Visitor } from "../../contract/ConsoleGroup.ts"

/**
 * The admin token, or a key, for as long as the page is open: in a variable of this module and nowhere else. A cookie would go to
 * whatever else listens on this machine, whose ports browsers do not tell apart; a store would outlast the page.
 */
let token: string | undefined

/** The key that pays for what an operator tries where keys are asked for: the admin token is none. Kept as the token is. */
let payer: string | undefined

type Who = Visitor["who"]

const known: ReadonlyArray<Who> = ["operator", "client"]

let visitor: Visitor = { who: "stranger", access: "keys", formats: ["mp3"] }
/** Whether the gateway has ceased to take what was signed in with. */
let lapsed = false
const listeners = new Set<() => void>()

export const current = (): Visitor => visitor
export const hasLapsed = (): boolean => lapsed

/** Whether a key has to be brought before anything can be tried. */
export const lacksKey = (): boolean => visitor.who === "operator" && visitor.access === "keys" && payer === undefined

/** Runs `changed` whenever somebody signs in or out; gives what stops that. */
export const onChange = (changed: () => void): (() => void) => {
  listeners.add(changed)
  return () => void listeners.delete(changed)
}

/** What is sent along to `path`. */
export const bearer = (path: string): Record<string, string> => {
  const brought = path.startsWith("/v1/audio/") ? (payer ?? token) : token
  return brought === undefined ? {} : { authorization: `Bearer ${brought}` }
}

export const noAnswer = "The gateway does not answer."

/** Keys and tokens are of these; a browser sends no others. */
const sendable = /^[\x21-\x7e]+$/

const ask = async (presented: string | undefined): Promise<Visitor> => {
  const headers: Record<string, string> = presented === undefined ? {} : { authorization: `Bearer ${presented}` }
  const response = await fetch("/console/who", { headers }).catch(() => undefined)
  if (response === undefined) throw new Error(noAnswer)
  if (!response.ok) throw new Error(`The gateway answered ${response.status}.`)
  return (await response.json()) as Visitor
}

const become = (found: Visitor) => {
  visitor = found
  for (const changed of listeners) changed()
}

/** Finds out what may be shown without signing in. */
export const arrive = async (): Promise<void> => {
  const brought = token
  const found = await ask(brought)
  if (token === brought) become(found)
}

/** Whether `presented` is the admin token or a key; if it is, it is used from now on. */
export const signIn = async (presented: string): Promise<boolean> => {
  if (!sendable.test(presented)) return false
  const found = await ask(presented)
  if (!known.includes(found.who)) return false
  token = presented
  lapsed = false
  become(found)
  return true
}

/** Whether `presented` is a key; if it is, it pays for what this operator tries. */
export const payWith = async (presented: string): Promise<boolean> => {
  if (!sendable.test(presented) || (await ask(presented)).who !== "client") return false
  payer = presented
  become(visitor)
  return true
}

/** At once, and whether or not the gateway answers: what may be seen without signing in is found out afterwards. */
export const signOut = async (): Promise<void> => {
  token = undefined
  payer = undefined
  become({ ...visitor, who: "stranger" })
  await arrive().catch(() => undefined)
}

/** Asked when something was refused: with another token, or a key that was revoked, one has to sign in anew. */
export const recheck = async (): Promise<void> => {
  const brought = token
  if (brought === undefined) return
  const key = payer
  if (key !== undefined && (await ask(key)).who !== "client" && payer === key) {
    payer = undefined
    become(visitor)
  }
  if (known.includes((await ask(brought)).who) || token !== brought) return
  lapsed = true
  await signOut()
}
