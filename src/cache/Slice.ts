/** Read at a time; hashing as much takes 0.05 ms of the event loop. */
export const sliceBytes = 65_536

/** `pieces` without their first `bytes`. */
export const withoutFirst = (pieces: ReadonlyArray<Uint8Array>, bytes: number): ReadonlyArray<Uint8Array> => {
  let left = bytes
  return pieces.flatMap((piece) => {
    const skipped = Math.min(left, piece.length)
    left -= skipped
    return skipped === piece.length ? [] : [piece.subarray(skipped)]
  })
}
