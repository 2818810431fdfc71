import { defineConfig } from "vitest/config"

const report = process.env["TEST_REPORT"]
const source = new URL("./src/", import.meta.url).pathname

export default defineConfig({
  resolve: {
    // The documented examples import the package by its own name, which Vite does not resolve by itself.
    alias: [
      { find: /^aviary$/, replacement: `${source}Aviary.ts` },
      { find: /^aviary\/(.+)$/, replacement: `${source}$1.ts` },
    ],
  },
  test: {
    include: ["test/**/*.test.ts"],
    allowOnly: false,
    reporters: report === undefined ? ["default"] : ["default", ["json", { outputFile: report }]],
    // Two cores: more workers only make timeouts out of slowness.
    maxWorkers: 2,
    testTimeout: 240_000,
    hookTimeout: 240_000,
  },
})
