import { listFields } from "../../contract/TranscriptionForm.ts"

/** What clients send for a field that their user left out. */
const absent = /^\s*(null|none|undefined)?\s*$/i

const jsonList = (written: string): ReadonlyArray<string> | undefined => {
  if (!written.trim().startsWith("[")) return undefined
  try {
    const list: unknown = JSON.parse(written)
    return Array.isArray(list) ? list.map(String) : undefined
  } catch {
    return undefined
  }
}

/**
 * The fields of a form as one record. Of a name that comes several times the first one counts, unless it is a list's: those come as
 * `name[]`, `name[0]` or `name`, separated by commas or as JSON.
 */
export const makeFormFields = () => {
  const single = new Map<string, string>()
  const lists = new Map<string, Array<string>>()
  return {
    add: (key: string, value: string): void => {
      const name = key.replace(/\[[^\]]*\]$/, "")
      if (absent.test(value)) return
      if (!listFields.has(name)) {
        if (!single.has(name)) single.set(name, value)
        return
      }
      const members = jsonList(value) ?? value.split(",")
      const list = lists.get(name) ?? []
      lists.set(name, [...list, ...members.map((member) => member.trim()).filter((member) => !absent.test(member))])
    },
    has: (name: string): boolean => single.has(name),
    all: (): Readonly<Record<string, unknown>> => ({
      ...Object.fromEntries(single),
      ...Object.fromEntries([...lists].filter(([, list]) => list.length > 0)),
      ...(single.has("response_format")
        ? { response_format: single.get("response_format")!.trim().toLowerCase() }
        : {}),
    }),
  }
}
