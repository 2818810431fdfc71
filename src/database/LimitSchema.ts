/** The limits of keys, as `billing/Bucket.ts` counts them: the moment at which each is full again, in milliseconds of the server's clock. */
export const limitSchema = `
CREATE UNLOGGED TABLE limits (name TEXT COLLATE "C" PRIMARY KEY, full_at DOUBLE PRECISION NOT NULL) WITH (fillfactor = 70);

CREATE FUNCTION lease_limit(
  of TEXT, size BIGINT, wanted BIGINT, most BIGINT, OUT granted BIGINT, OUT remaining BIGINT, OUT wait_millis BIGINT
) LANGUAGE plpgsql AS $$
DECLARE
  per_token CONSTANT DOUBLE PRECISION := 60000.0 / size;
  now_at DOUBLE PRECISION;
  until_full DOUBLE PRECISION;
  there BIGINT;
BEGIN
  INSERT INTO limits VALUES (of, 0) ON CONFLICT DO NOTHING;
  PERFORM 1 FROM limits WHERE name = of FOR UPDATE;
  now_at := extract(epoch FROM clock_timestamp()) * 1000;
  SELECT greatest(0, full_at - now_at) INTO until_full FROM limits WHERE name = of;
  there := floor((60000 - until_full) / per_token + 1e-6);
  granted := CASE WHEN there < wanted THEN 0 ELSE least(there, most) END;
  UPDATE limits SET full_at = greatest(now_at, now_at + until_full + granted * per_token) WHERE name = of;
  remaining := there - granted;
  wait_millis := ceil(greatest(0, until_full - (size - wanted) * per_token));
END $$;
`
