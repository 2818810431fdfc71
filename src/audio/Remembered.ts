/**
 * What `make` makes of a text, which is made once for the same one: clients can write what they like, so that after `most` others all are
 * made anew.
 */
export const remembered = <A>(make: (text: string) => A, most: number): ((text: string) => A) => {
  const kept = new Map<string, { readonly made: A }>()
  return (text) => {
    const found = kept.get(text)
    if (found !== undefined) return found.made
    if (kept.size >= most) kept.clear()
    const made = make(text)
    kept.set(text, { made })
    return made
  }
}
