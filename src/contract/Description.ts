/** A part of an OpenAPI document. */
type Json = { readonly [key: string]: unknown }

const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value)

const isOf = (value: unknown, key: string): Json => {
  const found = isObject(value) ? value[key] : undefined
  return isObject(found) ? found : {}
}

const answers = (contentType: string, description: string) => ({
  "200": { description, content: { [contentType]: { schema: { type: "string" } } } },
})

/** Routes that stand beside the contract: pages and lists for people and machines, not calls of the API. */
const besideTheContract = {
  "/": {
    get: {
      tags: ["service"],
      summary: "Where to look",
      description: "A browser gets the console, unless `AVIARY_CONSOLE` is `off`; everybody else is led to `/docs`.",
      responses: { ...answers("text/html", "The console."), "303": { description: "`Location` is `/docs`." } },
    },
  },
  "/console/{file}": {
    get: {
      tags: ["service"],
      summary: "What the console is made of",
      parameters: [{ name: "file", in: "path", required: true, schema: { type: "string" } }],
      responses: answers("*/*", "A script, a style or a picture."),
    },
  },
  "/docs": {
    get: {
      tags: ["service"],
      summary: "This page",
      description: "Every route, to read and to try.",
      responses: answers("text/html", "A page that fetches nothing from elsewhere."),
    },
  },
  "/openapi.json": {
    get: {
      tags: ["service"],
      summary: "The contract as an OpenAPI document",
      responses: answers("application/json", "OpenAPI 3.1."),
    },
  },
  "/metrics": {
    get: {
      tags: ["service"],
      summary: "Metrics for Prometheus",
      description:
        "Who may read them is `AVIARY_METRICS`. docs/operations.md lists them, with alarms. 404 where they are switched off.",
      security: [{}, { admin: [] }],
      responses: answers("text/plain; version=0.0.4", "Prometheus' text format."),
    },
  },
}

const service = { name: "service", description: "Pages and lists beside the API." }

/** Names of the component schemas that `part` reaches. */
const reached = (part: unknown, components: Json, found = new Set<string>()): Set<string> => {
  if (Array.isArray(part)) for (const member of part) reached(member, components, found)
  if (!isObject(part)) return found
  const name = typeof part["$ref"] === "string" ? part["$ref"].split("/").pop()! : undefined
  if (name !== undefined && !found.has(name)) {
    found.add(name)
    reached(components[name], components, found)
  }
  for (const member of Object.values(part)) reached(member, components, found)
  return found
}

/** `part` without the claim that objects have no members but those listed. */
const open = (part: unknown): unknown => {
  if (Array.isArray(part)) return part.map(open)
  if (!isObject(part)) return part
  return Object.fromEntries(
    Object.entries(part)
      .filter(([key, value]) => !(key === "additionalProperties" && value === false))
      .map(([key, value]) => [key, open(value)]),
  )
}

/**
 * What the generator of the OpenAPI document does not know: routes beside the contract, and that requests may have fields
 * that nobody knows, except those of admin routes, where a mistyped limit would limit nothing. Answers may gain members.
 */
export const completed = (document: Json): Json => {
  const paths = isOf(document, "paths")
  const schemas = isOf(isOf(document, "components"), "schemas")
  const strict = new Set<string>()
  const opened = Object.entries(paths).map(([path, methods]) => {
    if (!path.startsWith("/admin/")) return [path, open(methods)]
    const operations = Object.entries(isObject(methods) ? methods : {}).map(([method, operation]) => {
      reached(isOf(operation, "requestBody"), schemas, strict)
      return [method, { ...isOf({ operation }, "operation"), responses: open(isOf(operation, "responses")) }]
    })
    return [path, Object.fromEntries(operations)]
  })
  return {
    ...document,
    tags: [...(Array.isArray(document["tags"]) ? document["tags"] : []), service],
    paths: { ...Object.fromEntries(opened), ...besideTheContract },
    components: {
      ...isOf(document, "components"),
      schemas: Object.fromEntries(
        Object.entries(schemas).map(([name, schema]) => [name, strict.has(name) ? schema : open(schema)]),
      ),
    },
  }
}
