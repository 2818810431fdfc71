/**
 * Restarts by number, and who looks after each engine. All times are milliseconds of the server's clock.
 *
 * `restarts`: claimed, with a lease until which it must have begun; begun, with one until which it is taken to be under way; ended, or
 * returned since nothing was restarted. `engines`: whose turn it is to examine and heal, what was found last, and the state of all.
 */
export const healthSchema = `
CREATE TABLE restarts (
  number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  engine TEXT COLLATE "C" NOT NULL,
  gateway TEXT COLLATE "C" NOT NULL,
  reason TEXT NOT NULL,
  claimed_at BIGINT NOT NULL,
  lease_until BIGINT NOT NULL,
  began_at BIGINT,
  ended_at BIGINT,
  returned_at BIGINT,
  restored_at BIGINT
);

CREATE INDEX restarts_of_engine ON restarts (engine, number);

CREATE TABLE engines (
  engine TEXT COLLATE "C" PRIMARY KEY,
  gateway TEXT COLLATE "C",
  lease_until BIGINT NOT NULL DEFAULT 0,
  report TEXT,
  reported_at BIGINT NOT NULL DEFAULT 0,
  state TEXT,
  reason TEXT,
  state_at BIGINT NOT NULL DEFAULT 0
);

CREATE FUNCTION now_millis() RETURNS BIGINT LANGUAGE sql VOLATILE AS $$
  SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)
$$;

CREATE FUNCTION take_turn(
  of TEXT, whose TEXT, lease BIGINT, asked_at BIGINT, OUT at BIGINT, OUT taken BOOLEAN, OUT report TEXT
) LANGUAGE plpgsql AS $$
DECLARE
  turn engines%ROWTYPE;
BEGIN
  INSERT INTO engines (engine) VALUES (of) ON CONFLICT DO NOTHING;
  SELECT * INTO turn FROM engines WHERE engine = of FOR UPDATE;
  at := now_millis();
  taken := false;
  IF asked_at IS NOT NULL AND turn.reported_at >= asked_at THEN
    report := turn.report;
  ELSIF turn.gateway IS NULL OR turn.gateway = whose OR turn.lease_until < at THEN
    UPDATE engines SET gateway = whose, lease_until = at + lease WHERE engine = of;
    taken := true;
  END IF;
END $$;
`
