/** Makes a program with a memory of its own, in a millisecond or two. */
export type Program<A> = () => Promise<A>

interface Exports {
  default?: unknown
}

let turn: Promise<unknown> = Promise.resolve()

/**
 * A program that Emscripten compiled, out of one of mediabunny's encoder packages. The packages themselves start a thread for every
 * stream, since they are made for browsers, and bring a library of containers; the program alone is called here, in the thread
 * that is there. It is shipped as an ES module that expects CommonJS's `exports`, which it is lent unless a bundler does.
 *
 * @param from the package
 * @param name of the program in it
 */
export const loadProgram = <A>(from: string, name: string): Promise<Program<A>> => {
  const load = async () => {
    const lent: Exports = {}
    const world = globalThis as { exports?: Exports }
    world.exports = lent
    try {
      const loaded: Exports = await import(new URL(`../modules/build/${name}.js`, import.meta.resolve(from)).href)
      return (lent.default ?? loaded.default) as Program<A>
    } finally {
      delete world.exports
    }
  }
  // Two that were loaded at once would be lent the same.
  const loading = turn.then(load)
  turn = loading.catch(() => {})
  return loading
}
