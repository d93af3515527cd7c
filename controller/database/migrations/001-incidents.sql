-- The read model of incidents, their events, the chain of custody and the index of the evidence vault.
CREATE TABLE incidents (
  id              text PRIMARY KEY,
  phase           text NOT NULL,
  opened_at       timestamptz NOT NULL,
  document        jsonb NOT NULL,
  idempotency_key text UNIQUE,
  request_hash    text
);
CREATE INDEX incidents_by_phase ON incidents (phase, id);

-- One open incident per instance: the key makes two simultaneous requests meet in one incident.
CREATE TABLE open_targets (
  account_id  text NOT NULL,
  region      text NOT NULL,
  instance_id text NOT NULL,
  incident_id text NOT NULL REFERENCES incidents (id),
  PRIMARY KEY (account_id, region, instance_id)
);

CREATE TABLE events (
  seq         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  incident_id text NOT NULL REFERENCES incidents (id),
  at          timestamptz NOT NULL,
  type        text NOT NULL,
  data        jsonb NOT NULL
);
CREATE INDEX events_of_incident ON events (incident_id, seq);

-- `entry_key` names the promise (step and subject), so that a step run again records nothing twice.
CREATE TABLE custody (
  incident_id text NOT NULL REFERENCES incidents (id),
  seq         integer NOT NULL,
  entry_key   text NOT NULL,
  entry       jsonb NOT NULL,
  PRIMARY KEY (incident_id, seq),
  UNIQUE (incident_id, entry_key)
);

CREATE TABLE artifacts (
  incident_id text NOT NULL REFERENCES incidents (id),
  id          text NOT NULL,
  artifact    jsonb NOT NULL,
  PRIMARY KEY (incident_id, id)
);

CREATE TABLE findings (
  incident_id text NOT NULL REFERENCES incidents (id),
  id          text NOT NULL,
  finding     jsonb NOT NULL,
  PRIMARY KEY (incident_id, id)
);

CREATE TABLE decisions (
  id          text PRIMARY KEY,
  incident_id text NOT NULL REFERENCES incidents (id),
  decision    jsonb NOT NULL
);
