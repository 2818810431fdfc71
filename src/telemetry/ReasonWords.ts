/**
 * What the log says of an error that carries a tagged reason: without this it would say the error's name and nothing.
 * The reason's own message, or the figures it holds.
 */
export const reasonWords = (reason: { readonly _tag: string; readonly message?: string }): string => {
  if (reason.message !== undefined && reason.message !== "") return `${reason._tag}: ${reason.message}`
  const figures = Object.entries(reason).flatMap(([name, value]) =>
    name !== "_tag" && ["string", "number", "boolean"].includes(typeof value) && value !== ""
      ? [`${name} ${value}`]
      : [],
  )
  return figures.length === 0 ? reason._tag : `${reason._tag}: ${figures.join(", ")}`
}
