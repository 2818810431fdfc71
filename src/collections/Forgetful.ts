/**
 * Lists of what comes and goes as long as the process runs. `Map` and `Set` keep in V8 what has gone: when their table is full, also of holes, another takes
 * its place, and the former one goes on referring to that and to all members of then. Once a table is old, each that follows is made old, and what is old
 * keeps what it refers to, needed or not, until the whole heap is searched. So whatever came while four others were there grew old mostly, a flight with its audio.
 *
 * Here the members of a set stand in slots that refer to each other, and the table of a map refers to slots; who goes leaves an empty one.
 */

const none: ReadonlyArray<never> = []

/** `member` until it has gone; between the slots of who came before and after it. */
export interface Slot<A> {
  member: A | undefined
  before: Slot<A> | undefined
  after: Slot<A> | undefined
}

/** Members in the order in which they came. Each has a slot, by which it is taken out again. */
export class ForgetfulSet<A extends {}> {
  #first: Slot<A> | undefined
  #last: Slot<A> | undefined
  #size = 0

  get size(): number {
    return this.#size
  }

  add(member: A): Slot<A> {
    const slot: Slot<A> = { member, before: this.#last, after: undefined }
    if (this.#last === undefined) this.#first = slot
    else this.#last.after = slot
    this.#last = slot
    this.#size += 1
    return slot
  }

  /** In front of all. */
  addFirst(member: A): Slot<A> {
    const slot: Slot<A> = { member, before: undefined, after: this.#first }
    if (this.#first === undefined) this.#last = slot
    else this.#first.before = slot
    this.#first = slot
    this.#size += 1
    return slot
  }

  /** Once is enough. `slot` is one of this set. */
  delete(slot: Slot<A>): void {
    if (slot.member === undefined) return
    const { after, before } = slot
    if (before === undefined) this.#first = after
    else before.after = after
    if (after === undefined) this.#last = before
    else after.before = before
    // One that is old would keep who came after it.
    slot.member = slot.before = slot.after = undefined
    this.#size -= 1
  }

  /** Takes out who came first. */
  shift(): A | undefined {
    const slot = this.#first
    const member = slot?.member
    if (slot !== undefined) this.delete(slot)
    return member
  }

  /** What `seek` makes of the first of which it makes anything. It may not change the set. */
  seek<B>(seek: (member: A) => B | undefined): B | undefined {
    for (let slot = this.#first; slot !== undefined; slot = slot.after) {
      const found = seek(slot.member as A)
      if (found !== undefined) return found
    }
    return undefined
  }

  /** Those of now. */
  members(): ReadonlyArray<A> {
    return this.slots().map(({ member }) => member as A)
  }

  /** The slots of those of now. */
  slots(): ReadonlyArray<Slot<A>> {
    if (this.#size === 0) return none
    const all: Array<Slot<A>> = []
    for (let slot = this.#first; slot !== undefined; slot = slot.after) all.push(slot)
    return all
  }
}

/** Values by their keys, in the order in which the keys came. The keys may be kept for longer than they are in it. */
export class ForgetfulMap<Key extends string | number, A extends {}> {
  readonly #slots = new Map<Key, { member: A | undefined }>()

  get size(): number {
    return this.#slots.size
  }

  get(key: Key): A | undefined {
    return this.#slots.get(key)?.member
  }

  has(key: Key): boolean {
    return this.#slots.has(key)
  }

  /** A key that was there stays in its place in the order. */
  set(key: Key, member: A): void {
    const slot = this.#slots.get(key)
    if (slot === undefined) this.#slots.set(key, { member })
    else slot.member = member
  }

  /** Whether it was there. */
  delete(key: Key): boolean {
    const slot = this.#slots.get(key)
    if (slot !== undefined) slot.member = undefined
    return this.#slots.delete(key)
  }

  clear(): void {
    for (const slot of this.#slots.values()) slot.member = undefined
    this.#slots.clear()
  }

  /** As they are while they are read: one may be taken out. */
  keys(): IterableIterator<Key> {
    return this.#slots.keys()
  }

  /** Whose key came first. */
  first(): A | undefined {
    return this.#slots.values().next().value?.member
  }

  /** Those of now. */
  values(): ReadonlyArray<A> {
    return Array.from(this.#slots.values(), ({ member }) => member as A)
  }

  /** Those of now. */
  entries(): ReadonlyArray<readonly [Key, A]> {
    return Array.from(this.#slots, ([key, { member }]) => [key, member as A] as const)
  }
}
