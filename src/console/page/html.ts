import htm from "htm"
import { type ComponentChildren, h, type VNode } from "preact"

// Its types say that it is CommonJS; the file that is sent is not.
const { bind } = htm as unknown as {
  readonly bind: (make: typeof h) => (strings: TemplateStringsArray, ...values: ReadonlyArray<unknown>) => VNode
}

/** Markup as tagged templates. What stands in `${}` becomes text or an attribute's value, never markup. */
export const html = bind.call(htm, h)

export type Children = ComponentChildren
