import { StatementSync } from "node:sqlite"

/** Has `before` and `after` run around each commit of a ledger that is made in this thread. */
export const aroundCommits = ({
  after,
  before,
}: {
  readonly before?: () => void
  readonly after?: () => void
}): void => {
  const { run } = StatementSync.prototype
  StatementSync.prototype.run = function (this: StatementSync, ...values: ReadonlyArray<never>) {
    if (this.sourceSQL !== "COMMIT") return Reflect.apply(run, this, values)
    before?.()
    const done = Reflect.apply(run, this, values)
    after?.()
    return done
  }
}
