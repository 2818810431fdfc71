/** Hands `content` to the browser as a file. */
export const save = (name: string, type: string, content: string): void => {
  const link = Object.assign(document.createElement("a"), {
    download: name,
    href: URL.createObjectURL(new Blob([content], { type })),
  })
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
}
