/** Gateways that say that they are there, the secret that they know each other by, and which of them makes which speech. */
export const flightSchema = `
CREATE TABLE secrets (name TEXT COLLATE "C" PRIMARY KEY, value TEXT NOT NULL);

INSERT INTO secrets VALUES ('peers', replace(gen_random_uuid()::text || gen_random_uuid()::text || gen_random_uuid()::text, '-', ''));

CREATE UNLOGGED TABLE gateways (id TEXT COLLATE "C" PRIMARY KEY, url TEXT NOT NULL, seen_at BIGINT NOT NULL);

CREATE UNLOGGED TABLE flights (
  key TEXT COLLATE "C" PRIMARY KEY,
  gateway TEXT COLLATE "C" NOT NULL,
  url TEXT NOT NULL,
  lease_until BIGINT NOT NULL
);

CREATE INDEX flights_by_lease ON flights (lease_until);

CREATE FUNCTION claim_flight(of TEXT, whose TEXT, at_url TEXT, lease BIGINT, not_from TEXT, OUT owner TEXT, OUT owner_url TEXT)
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO flights VALUES (of, whose, at_url, now_millis() + lease)
  ON CONFLICT (key) DO UPDATE SET gateway = whose, url = at_url, lease_until = now_millis() + lease
    WHERE flights.gateway = whose OR flights.gateway = not_from OR flights.lease_until < now_millis();
  SELECT gateway, url INTO owner, owner_url FROM flights WHERE key = of;
END $$;
`
