/** Cuts samples that come in any pieces into frames of one size. */
export interface Frames {
  /** Calls `use` for each frame that `samples` complete. What it is given is overwritten later. */
  readonly push: (samples: Int16Array, use: (frame: Int16Array) => void) => void
  /** The same for what is left, which is shorter than a frame; not at all where nothing is left. */
  readonly rest: (use: (samples: Int16Array) => void) => void
  /** The same, filled up with silence. */
  readonly fill: (use: (frame: Int16Array) => void) => void
}

/** @param size samples of a frame */
export const makeFrames = (size: number): Frames => {
  const frame = new Int16Array(size)
  let held = 0
  return {
    push: (samples, use) => {
      for (let at = 0; at < samples.length;) {
        const part = samples.subarray(at, at + size - held)
        frame.set(part, held)
        held += part.length
        at += part.length
        if (held < size) return
        held = 0
        use(frame)
      }
    },
    rest: (use) => {
      if (held > 0) use(frame.subarray(0, held))
      held = 0
    },
    fill: (use) => {
      if (held === 0) return
      frame.fill(0, held)
      held = 0
      use(frame)
    },
  }
}
