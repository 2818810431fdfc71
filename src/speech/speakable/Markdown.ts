import type { Emphasis, Link, ListItem, Nodes, Parents, PhrasingContent, RootContent, Table } from "mdast"
import { fromMarkdown } from "mdast-util-from-markdown"
import { gfmFromMarkdown } from "mdast-util-gfm"
import { gfm } from "micromark-extension-gfm"
import { asSentence, readAloud } from "./SpokenMarks.ts"

const options = {
  // Text that somebody indented is no code, and one tilde means "about".
  extensions: [gfm({ singleTilde: false }), { disable: { null: ["codeIndented"] } }],
  mdastExtensions: [gfmFromMarkdown()],
}

/** How deep quotations are read: each of a thousand marks in a row would be a level, which takes the parser seconds. */
const deepestQuote = /^((?:[ \t]{0,3}>[ \t]?){8})(?:[ \t]{0,3}>)+/gm

/** Tags of HTML, which are left out. Whatever else stands in angle brackets is text. */
const tags =
  /<\/?(?:a|abbr|b|blockquote|br|center|code|dd|del|details|div|dl|dt|em|font|h[1-6]|hr|i|img|ins|kbd|li|mark|ol|p|picture|pre|q|s|small|source|span|strike|strong|sub|summary|sup|table|tbody|td|tfoot|th|thead|tr|tt|u|ul|var|video|audio|iframe|script|style)\b[^>]*>|<!--.*?-->/gis

const withoutTags = (html: string): string => readAloud(html.replaceAll(tags, " "))

const hostOf = (url: string): string => {
  try {
    return new URL(url).host.replace(/^www\./i, "")
  } catch {
    return url
  }
}

interface Reading {
  readonly source: string
  readonly english: boolean
}

const plain = (node: Nodes): string =>
  "value" in node ? node.value : "children" in node ? node.children.map(plain).join("") : ""

/** A link by its text; a bare address by its host. */
const readLink = (link: Link, reading: Reading): string => {
  const text = plain(link)
  const isBare = /^(?:https?:\/\/|www\.)/i.test(text) && !/\s/.test(text)
  return isBare ? hostOf(/^www\./i.test(text) ? `http://${text}` : text) : inline(link, reading)
}

/** `2*3*4` is a product and not an emphasis. */
const isProduct = ({ position }: Emphasis, source: string): boolean => {
  const [from, to] = [position?.start.offset, position?.end.offset]
  return from !== undefined && to !== undefined && /\d/.test(source[from - 1] ?? "") && /\d/.test(source[to] ?? "")
}

const inline = (parent: Parents, reading: Reading): string =>
  parent.children.map((child) => readInline(child as PhrasingContent, reading)).join("")

const readInline = (node: PhrasingContent, reading: Reading): string => {
  switch (node.type) {
    case "text":
      return readAloud(node.value)
    case "inlineCode":
      return node.value
    case "break":
      return "\n"
    case "html":
      return withoutTags(node.value)
    case "image":
    case "imageReference":
      return readAloud(node.alt ?? "")
    case "footnoteReference":
      return ""
    case "link":
      return readLink(node, reading)
    case "emphasis":
      return isProduct(node, reading.source)
        ? reading.source.slice(node.position!.start.offset, node.position!.end.offset)
        : inline(node, reading)
    default:
      return inline(node, reading)
  }
}

const readRow = (cells: ReadonlyArray<string>): string =>
  asSentence(
    cells
      .map((cell) => cell.replaceAll(/\s+/gu, " ").trim())
      .filter((cell) => cell !== "")
      .join(", "),
  )

const readTable = (table: Table, reading: Reading): ReadonlyArray<string> =>
  table.children.map((row) => readRow(row.children.map((cell) => inline(cell, reading))))

const readItem = (item: ListItem, mark: string, reading: Reading): ReadonlyArray<string> => {
  const [first = "", ...rest] = item.children.flatMap((child) => readBlock(child, reading))
  return first === "" ? rest : [`${mark}${first}`, ...rest]
}

/** What a block of code is called, in place of the code. */
const nameOfCode = (language: string | null | undefined, english: boolean): string => {
  const name = /^[\p{L}\d+#.-]{1,20}$/u.test(language ?? "") ? language! : ""
  if (!english) return asSentence(name)
  return name === "" ? "A block of code." : `A block of code in ${name}.`
}

const readBlock = (node: RootContent, reading: Reading): ReadonlyArray<string> => {
  switch (node.type) {
    case "paragraph":
    case "heading":
      return [asSentence(inline(node, reading))]
    case "blockquote":
      return node.children.flatMap((child) => readBlock(child, reading))
    case "list":
      return node.children.flatMap((item, index) =>
        readItem(item, node.ordered === true ? `${(node.start ?? 1) + index}. ` : "", reading),
      )
    case "table":
      return readTable(node, reading)
    case "code":
      return node.value.trim() === "" ? [] : [nameOfCode(node.lang, reading.english)]
    case "html":
      return [asSentence(withoutTags(node.value))]
    default:
      // Rules, definitions and footnotes are for the eye.
      return []
  }
}

/**
 * What a person would read aloud of a document: headings, items and rows as sentences, code by its name, links by their text. A single
 * paragraph is read as it stands. Empty where there is nothing to say.
 *
 * @param english whether it may be said in English that there is code
 */
export const readMarkdown = (text: string, english: boolean): string => {
  const source = text.replaceAll(deepestQuote, "$1")
  const { children } = fromMarkdown(source, options)
  const reading = { source, english }
  const [only, ...others] = children
  if (only?.type === "paragraph" && others.length === 0) return inline(only, reading).trim()
  return children
    .flatMap((child) => readBlock(child, reading))
    .filter((sentence) => sentence !== "")
    .join("\n")
}
