import { expect, it } from "vitest"
import { read, roomOf, sources } from "./Tree.ts"

/** Rooms whose services are still made in other ways. A room that is converted leaves the list. */
const unconverted: ReadonlyArray<string> = []

const services = sources.filter((path) => /extends Context\.Service</.test(read(path)))

/** What in `path` is not the one way: the effect that makes a service stands above its class, and a layer only names it. */
const deviations = (path: string): ReadonlyArray<string> => {
  const code = read(path)
  const inline = /Layer\.effect\(\s*\w+,\s*Effect\.(?:gen|suspend|fnUntraced)\b/.test(code)
  const below = /^(?:const make|function make)\b/m.test(code.slice(code.search(/extends Context\.Service</)))
  return [...(inline ? [`${path} makes a service within its layer`] : []), ...(below ? [`${path} makes it below`] : [])]
}

it("a service is `const make` above its class, and its layer is `Layer.effect` of it", () => {
  expect(services.length).toBeGreaterThan(20)
  expect(services.filter((path) => !unconverted.includes(roomOf(path))).flatMap(deviations)).toEqual([])
})

it("only rooms with services of another kind are listed as such", () => {
  const deviating = new Set(services.filter((path) => deviations(path).length > 0).map(roomOf))
  expect(unconverted.filter((room) => !deviating.has(room))).toEqual([])
})
