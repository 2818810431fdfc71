import { assert, it } from "@effect/vitest"
import { ConnectionError, SqlError, UnknownError } from "effect/sql/SqlError"
import { isBroken, saidBy } from "../../src/database/DatabaseError.ts"

const said = (fields: object) => ({ cause: Object.assign(new Error("words"), fields), message: "", operation: "query" })

// Node's `EPIPE` and `EPERM` have five letters, as an SQLSTATE has.
for (const code of ["EPIPE", "EPERM", "ECONNRESET", undefined])
  it(`the way to the database is gone where Node says ${code}`, () => {
    const error = new SqlError({ reason: new ConnectionError(said({ code })) })
    assert.isTrue(isBroken(error))
    assert.deepStrictEqual(saidBy(error), { code: undefined, message: "words" })
  })

for (const [code, broken] of [
  ["08006", true],
  ["57P01", true],
  ["25P03", true],
  ["25006", true],
  ["53300", true],
  ["23505", false],
  ["EPIPE", false],
] as const)
  it(`the connection is ${broken ? "of no use" : "there"} where PostgreSQL says ${code}`, () => {
    const error = new SqlError({ reason: new UnknownError(said({ code, severity: "ERROR" })) })
    assert.strictEqual(isBroken(error), broken)
    assert.strictEqual(saidBy(error).code, code)
  })
