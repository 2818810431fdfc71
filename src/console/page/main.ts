import { render } from "preact"
import { useEffect, useState } from "preact/hooks"
import { Cache } from "./Cache.ts"
import { Engines } from "./Engines.ts"
import { html } from "./html.ts"
import { Live } from "./Live.ts"
import { Money } from "./Money.ts"
import { messageOf } from "./call.ts"
import { arrive, current, onChange, signOut } from "./session.ts"
import { Settings } from "./Settings.ts"
import { SignIn } from "./SignIn.ts"
import { nextTheme, theme } from "./theme.ts"
import { TryIt } from "./TryIt.ts"

const pages = [
  { path: "try", name: "Try it", page: TryIt, operators: false },
  { path: "engines", name: "Engines", page: Engines, operators: true },
  { path: "live", name: "Live", page: Live, operators: true },
  { path: "money", name: "Money", page: Money, operators: true },
  { path: "cache", name: "Cache", page: Cache, operators: true },
  { path: "settings", name: "Settings", page: Settings, operators: true },
] as const

const pathOf = (hash: string) => hash.replace(/^#\/?/, "").split("/")[0]!

const useHash = (): string => {
  const [hash, setHash] = useState(location.hash)
  useEffect(() => {
    const changed = () => setHash(location.hash)
    addEventListener("hashchange", changed)
    return () => removeEventListener("hashchange", changed)
  }, [])
  return hash
}

const Header = ({ path, who }: { readonly path: string; readonly who: string }) => {
  const [shown, setShown] = useState(theme())
  return html`
    <header>
      <a class="name" href="#/try"><img src="/console/icon.svg" alt="" width="24" height="24" /> Aviary</a>
      <nav aria-label="Pages">
        ${
          who === "stranger"
            ? null
            : pages.map(
                (one) =>
                  html`<a href=${`#/${one.path}`} aria-current=${one.path === path ? "page" : undefined}
                    >${one.name}</a
                  >`,
              )
        }
      </nav>
      <div class="row">
        <button type="button" class="small" onClick=${() => setShown(nextTheme())} aria-label=${`Colours: ${shown}`}>
          ${shown}
        </button>
        ${who === "operator" || who === "client" ? html`<button type="button" class="small" onClick=${() => void signOut()}>Sign out</button>` : null}
      </div>
    </header>
  `
}

const App = () => {
  const hash = useHash()
  const [visitor, setVisitor] = useState(current())
  const [arrived, setArrived] = useState<"no" | "yes" | { readonly error: string }>("no")
  useEffect(() => {
    const stop = onChange(() => setVisitor(current()))
    arrive().then(
      () => setArrived("yes"),
      (error: unknown) => setArrived({ error: messageOf(error) }),
    )
    return stop
  }, [])
  const found = pages.find(({ path }) => path === pathOf(hash)) ?? pages[0]
  useEffect(() => {
    document.title = visitor.who === "stranger" ? "Aviary" : `${found.name} · Aviary`
  }, [found.name, visitor.who])
  if (arrived === "no") return html`<main aria-busy="true"></main>`
  if (arrived !== "yes") return html`<main><p class="notice bad" role="alert">${arrived.error}</p></main>`
  const allowed = visitor.who === "operator" || (visitor.who !== "stranger" && !found.operators)
  return html`
    <${Header} path=${found.path} who=${visitor.who} />
    <main id="main">
      ${allowed ? html`<${found.page} />` : html`<${SignIn} who=${visitor.who} page=${found.name} />`}
    </main>
  `
}

render(html`<${App} />`, document.getElementById("app")!)
