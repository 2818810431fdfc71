import { defineConfig } from "vitest/config"

const report = process.env["TEST_REPORT"]
// A terminal shows what is under way. A log shows every test as it ends, not a file of them after minutes.
const progress = process.stdout.isTTY ? "default" : "verbose"
const source = new URL("./src/", import.meta.url).pathname

export default defineConfig({
  resolve: {
    // The documented examples import the package by its own name, which Vite does not resolve by itself.
    alias: [
      { find: /^@aviary-speech\/gateway$/, replacement: `${source}Aviary.ts` },
      { find: /^@aviary-speech\/gateway\/(.+)$/, replacement: `${source}$1.ts` },
    ],
  },
  test: {
    include: ["test/**/*.test.ts"],
    allowOnly: false,
    reporters: report === undefined ? [progress] : [progress, ["json", { outputFile: report }]],
    // Two cores: more workers only make timeouts out of slowness.
    maxWorkers: 2,
    testTimeout: 240_000,
    hookTimeout: 240_000,
  },
})
