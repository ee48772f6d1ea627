/**
 * One generation of the projection. Rows are added, and removed when they are too old, but never changed, so every order is an index that
 * grows at its places: which version of a thing is the newest is asked of `record_id`, not kept.
 *
 * Times are milliseconds since the Unix epoch. A value is a BLOB: its bytes come back as they were, whatever is in them.
 */
export const schema = `
CREATE TABLE IF NOT EXISTS source (
  sid INTEGER PRIMARY KEY,
  -- Without one it was forgotten, and its records are being removed.
  name TEXT UNIQUE,
  records INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE IF NOT EXISTS position (
  sid INTEGER NOT NULL,
  partition INTEGER NOT NULL,
  topic_id TEXT NOT NULL,
  next_offset INTEGER NOT NULL,
  PRIMARY KEY (sid, partition)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS gap (
  sid INTEGER NOT NULL,
  partition INTEGER NOT NULL,
  from_offset INTEGER NOT NULL,
  to_offset INTEGER NOT NULL,
  topic_id TEXT NOT NULL,
  reason TEXT NOT NULL,
  detail TEXT NOT NULL,
  PRIMARY KEY (sid, partition, from_offset, to_offset)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS removal (
  sid INTEGER NOT NULL,
  partition INTEGER NOT NULL,
  before_offset INTEGER NOT NULL,
  before_ms INTEGER NOT NULL,
  PRIMARY KEY (sid, partition)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS record (
  n INTEGER PRIMARY KEY,
  sid INTEGER NOT NULL,
  partition INTEGER NOT NULL,
  offset INTEGER NOT NULL,
  id TEXT NOT NULL,
  ingested INTEGER NOT NULL,
  event INTEGER,
  json INTEGER NOT NULL,
  header_count INTEGER NOT NULL,
  headers BLOB NOT NULL,
  key BLOB,
  value BLOB
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS record_place ON record (sid, partition, offset);
CREATE INDEX IF NOT EXISTS record_ingested ON record (sid, ingested, partition, offset);
CREATE INDEX IF NOT EXISTS record_event ON record (sid, event, partition, offset) WHERE event IS NOT NULL;
CREATE INDEX IF NOT EXISTS record_id ON record (sid, id, ingested, partition, offset);
-- For people with sqlite3: what is in a record, as text.
CREATE VIEW IF NOT EXISTS records AS
  SELECT source.name AS source, id, partition, offset,
    strftime('%Y-%m-%dT%H:%M:%fZ', ingested / 1000.0, 'unixepoch') AS ingested_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', event / 1000.0, 'unixepoch') AS event_time,
    CASE WHEN json THEN CAST(value AS TEXT) ELSE value END AS value
  FROM record JOIN source USING (sid) WHERE source.name IS NOT NULL;
`;

/** The order's column and index. */
export const orders = {
  ingested: { column: "ingested", index: "record_ingested" },
  event: { column: "event", index: "record_event" },
} as const;
