import type { DatabaseSync } from "node:sqlite"
import { anonymous } from "../Account.ts"
import { Refusal } from "../book/Refusal.ts"

/** `PRAGMA application_id` of a ledger: "AVRY". */
const applicationId = 0x41565259

// Each runs once, in its order, and is never edited after a release: a ledger in the field has run it as it was.
const migrations: ReadonlyArray<string> = [
  `
  CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

  CREATE TABLE accounts (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('prepaid', 'metered')),
    overdraft INTEGER NOT NULL,
    monthly_cap INTEGER,
    balance INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE keys (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    hint TEXT NOT NULL,
    hash TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    requests_per_minute INTEGER,
    characters_per_minute INTEGER,
    monthly_cap INTEGER
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX keys_of_account ON keys (account_id);

  CREATE TABLE rates (
    version INTEGER PRIMARY KEY,
    valid_from INTEGER NOT NULL UNIQUE,
    speech_per_million INTEGER NOT NULL,
    transcription_per_minute INTEGER NOT NULL,
    hit_share INTEGER NOT NULL,
    coalesced_share INTEGER NOT NULL
  ) STRICT;
  CREATE TRIGGER rates_stay BEFORE UPDATE ON rates BEGIN SELECT raise(ABORT, 'a published rate card is final'); END;
  CREATE TRIGGER rates_remain BEFORE DELETE ON rates BEGIN SELECT raise(ABORT, 'a published rate card is final'); END;

  CREATE TABLE holds (
    id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    key_id TEXT,
    usage TEXT NOT NULL CHECK (usage IN ('speech', 'transcription')),
    model TEXT NOT NULL,
    size INTEGER NOT NULL,
    amount INTEGER NOT NULL CHECK (amount >= 0),
    rate_version INTEGER NOT NULL REFERENCES rates (version),
    state TEXT NOT NULL CHECK (state IN ('held', 'settled', 'released', 'expired')),
    reason TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    ended_at INTEGER,
    outcome TEXT
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX holds_live ON holds (account_id, key_id, amount) WHERE state = 'held';
  CREATE INDEX holds_due ON holds (expires_at) WHERE state = 'held';
  CREATE INDEX holds_ended ON holds (ended_at) WHERE state <> 'held';
  CREATE TRIGGER holds_end_once BEFORE UPDATE ON holds WHEN old.state <> 'held' BEGIN SELECT raise(ABORT, 'a hold ends once'); END;

  CREATE TABLE entries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    operation_id TEXT NOT NULL UNIQUE,
    at INTEGER NOT NULL,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    key_id TEXT,
    hold_id TEXT,
    kind TEXT NOT NULL CHECK (kind IN ('deposit', 'adjustment', 'charge', 'refund')),
    amount INTEGER NOT NULL CHECK ((kind = 'charge' AND amount <= 0) OR (kind IN ('deposit', 'refund') AND amount >= 0) OR kind = 'adjustment'),
    balance INTEGER NOT NULL,
    usage TEXT,
    model TEXT,
    quantity INTEGER,
    served TEXT,
    rate_version INTEGER,
    reason TEXT
  ) STRICT;
  CREATE INDEX entries_of_account ON entries (account_id, id);
  CREATE INDEX entries_by_time ON entries (at);
  CREATE TRIGGER entries_stay BEFORE UPDATE ON entries BEGIN SELECT raise(ABORT, 'entries are final'); END;
  CREATE TRIGGER entries_remain BEFORE DELETE ON entries BEGIN SELECT raise(ABORT, 'entries are final'); END;

  CREATE TABLE spending (
    subject TEXT NOT NULL,
    month TEXT NOT NULL,
    spent INTEGER NOT NULL,
    PRIMARY KEY (subject, month)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE idempotency (
    account_id TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    hold_id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (account_id, key)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX idempotency_by_time ON idempotency (created_at);

  INSERT INTO accounts (id, name, kind, overdraft, created_at) VALUES ('${anonymous}', 'Requests without a key', 'metered', 0, 0);
  INSERT INTO rates VALUES (1, 0, 0, 0, 10000, 10000);
  `,
  // What a request left for those that repeat it is forgotten with its idempotency key. A charge that several requests with
  // one key have a claim to is paid back when the last of them has failed. A version of the rates that has not begun may go.
  `
  ALTER TABLE idempotency ADD COLUMN outcome TEXT;
  UPDATE idempotency SET outcome = (SELECT outcome FROM holds WHERE id = hold_id);
  CREATE INDEX idempotency_of_hold ON idempotency (hold_id);
  ALTER TABLE holds DROP COLUMN outcome;

  CREATE TABLE claims (
    claimant TEXT PRIMARY KEY,
    hold_id TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX claims_to_hold ON claims (hold_id);
  INSERT INTO claims SELECT DISTINCT hold_id, hold_id FROM idempotency JOIN holds ON holds.id = hold_id WHERE state = 'settled';

  DROP TRIGGER rates_remain;
  CREATE TRIGGER rates_remain BEFORE DELETE ON rates WHEN
    EXISTS (SELECT 1 FROM holds WHERE rate_version = old.version) OR
    EXISTS (SELECT 1 FROM entries WHERE at >= old.valid_from AND rate_version = old.version)
  BEGIN SELECT raise(ABORT, 'a rate card that has priced something is final'); END;
  `,
  // Prices that were published to hold at once hold from then on, whatever the clock said. Of those that are there, what has begun
  // or has priced something was published so.
  `
  ALTER TABLE rates ADD COLUMN at_once INTEGER NOT NULL DEFAULT 0;
  DROP TRIGGER rates_stay;
  UPDATE rates SET at_once = 1 WHERE valid_from <= unixepoch() * 1000
    OR EXISTS (SELECT 1 FROM holds WHERE rate_version = version) OR EXISTS (SELECT 1 FROM entries WHERE rate_version = version);
  CREATE TRIGGER rates_stay BEFORE UPDATE ON rates BEGIN SELECT raise(ABORT, 'a published rate card is final'); END;
  `,
  `
  ALTER TABLE accounts ADD COLUMN state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'frozen', 'closed'));
  `,
  // A charge is made before the last of its answer leaves: those whose answers are not known to be out are paid back after a crash.
  // Of a request that a client left the part it was handed is charged, and counted in when the request is repeated. What was
  // settled by an older version counts as delivered.
  `
  CREATE TABLE undelivered (
    claimant TEXT PRIMARY KEY,
    due INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  ALTER TABLE holds ADD COLUMN repeats TEXT;
  `,
  // Before this no request went before another.
  `
  ALTER TABLE keys ADD COLUMN priority TEXT NOT NULL DEFAULT 'normal' CHECK (priority IN ('live', 'normal', 'bulk'));
  `,
  // One list of the holds that are live, which are few at a time, for what an account has held and for what is overdue: each hold is written into it
  // and out of it.
  `
  DROP INDEX holds_live;
  DROP INDEX holds_due;
  CREATE INDEX holds_live ON holds (account_id, key_id, amount, expires_at) WHERE state = 'held';
  `,
]

const pragma = (db: DatabaseSync, name: string): unknown => Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0]

/**
 * Refuses a database that is no ledger, newer than this program or, unless it was `checked` before, damaged; before
 * anything is written to it.
 */
export const inspect = (db: DatabaseSync, checked: boolean): void => {
  const version = pragma(db, "user_version") as number
  const tables = db.prepare("SELECT count(*) AS n FROM sqlite_schema").get()?.["n"] as number
  if (tables > 0 && pragma(db, "application_id") !== applicationId) {
    throw Refusal.unavailable("corrupt", "the database is not an Aviary ledger")
  }
  if (version > migrations.length) {
    throw Refusal.unavailable(
      "newer",
      `the ledger has schema ${version}, this Aviary knows schemas up to ${migrations.length}: run a newer one`,
    )
  }
  if (checked) return
  const found = pragma(db, "quick_check(1)")
  if (found !== "ok") throw Refusal.unavailable("corrupt", `the ledger is damaged: ${String(found)}`)
}

/** Brings the schema up to date, or as far as `latest`, all or nothing. */
export const migrate = (db: DatabaseSync, latest = migrations.length): void => {
  db.exec("BEGIN IMMEDIATE")
  try {
    // Read inside the transaction: another process may have migrated in the meantime.
    const version = pragma(db, "user_version") as number
    for (const migration of migrations.slice(version, latest)) db.exec(migration)
    if (version < latest) db.exec(`PRAGMA user_version = ${latest}; PRAGMA application_id = ${applicationId}`)
    db.exec("COMMIT")
  } catch (error) {
    if (db.isTransaction) db.exec("ROLLBACK")
    throw error
  }
}
