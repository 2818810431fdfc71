import { expect, it } from "vitest"
import { reasonOf } from "../../../src/billing/sqlite/SqliteDialect.ts"

// https://sqlite.org/rescode.html
const [busy, locked, ioError, ioErrorOfSync, corrupt, full, notADatabase, constraint] = [5, 6, 10, 1034, 11, 13, 26, 19]

it.each([
  [busy, "locked"],
  [locked, "locked"],
  [corrupt, "corrupt"],
  [notADatabase, "corrupt"],
  [full, "full"],
  [constraint, "failed"],
] as const)("code %i is %s, committing or not", (errcode, kind) => {
  for (const committing of [false, true]) {
    expect(reasonOf(Object.assign(new Error("told"), { errcode }), committing)).toMatchObject({ kind, message: "told" })
  }
})

it.each([ioError, ioErrorOfSync])("a commit that the disk failed, code %i, may have been made", (errcode) => {
  const error = Object.assign(new Error("told"), { errcode })
  expect(reasonOf(error, true)).toMatchObject({ kind: "lost" })
  expect(reasonOf(error)).toMatchObject({ kind: "failed" })
})
