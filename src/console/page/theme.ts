const themes = ["auto", "light", "dark"] as const
type Theme = (typeof themes)[number]

const stored = (): Theme => {
  try {
    return themes.find((name) => name === localStorage.getItem("theme")) ?? "auto"
  } catch {
    return "auto"
  }
}

let chosen = stored()

const show = () => {
  document.documentElement.dataset["theme"] = chosen
  dispatchEvent(new Event("themechange"))
}

export const theme = (): Theme => chosen

/** The one after this one, which is shown and remembered. */
export const nextTheme = (): Theme => {
  chosen = themes[(themes.indexOf(chosen) + 1) % themes.length]!
  try {
    localStorage.setItem("theme", chosen)
  } catch {
    // A browser that stores nothing shows it all the same.
  }
  show()
  return chosen
}

show()

/** Wears a colour for a moment: only what is worn is known as one of light or dark. */
const swatch = document.head.appendChild(document.createElement("meta"))

/** A colour of the style sheet, such as `--line`, as it is now. */
export const colour = (name: string): string => {
  swatch.style.color = `var(${name})`
  return getComputedStyle(swatch).color
}
