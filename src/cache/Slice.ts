/** Read at a time; hashing as much takes 0.05 ms of the event loop. */
export const sliceBytes = 65_536
