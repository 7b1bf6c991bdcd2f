export const LOCK_HEADS_SQL = 'SELECT organization, size, frontier FROM log_heads WHERE organization = ANY($1) ORDER BY organization FOR UPDATE';

export const NEW_HEADS_SQL = `INSERT INTO log_heads (organization, size, root, frontier)
  SELECT organization, 0, $2, ''::bytea FROM unnest($1::text[]) AS organization ORDER BY organization
  ON CONFLICT DO NOTHING`;

/**
 * One statement, one trip: entries, heads (only from the size they were locked at), open intents, the edge's cursor. Bodies
 * come as one text with a line each, leaves as one string of bytes with 32 each, in the order of the entries.
 */
export const APPEND_SQL = `
WITH written AS (
  INSERT INTO entries (organization, idx, entry_id, call_id, phase, time, body, leaf)
  SELECT organization, idx, entry_id, call_id, phase, time, body, substring($8::bytea FROM (n::int - 1) * 32 + 1 FOR 32)
  FROM ROWS FROM (unnest($1::text[], $2::bigint[], $3::uuid[], $4::uuid[], $5::text[], $6::timestamptz[]), string_to_table($7::text, E'\\n'))
    WITH ORDINALITY AS entry (organization, idx, entry_id, call_id, phase, time, body, n)
  WHERE organization IS NOT NULL
), heads AS (
  UPDATE log_heads AS head SET size = log.after, root = log.root, frontier = log.frontier
  FROM unnest($9::text[], $10::bigint[], $11::bigint[], $12::bytea[], $13::bytea[]) AS log (organization, before, after, root, frontier)
  WHERE head.organization = log.organization AND head.size = log.before
  RETURNING 1
), closed AS (
  DELETE FROM open_intents AS open USING unnest($14::text[], $15::uuid[]) AS call (organization, call_id)
  WHERE open.organization = call.organization AND open.call_id = call.call_id
), opened AS (
  INSERT INTO open_intents (organization, call_id, intent_id, idx, edge_id, epoch)
  SELECT * FROM unnest($16::text[], $17::uuid[], $18::uuid[], $19::bigint[], $20::text[], $21::bigint[])
  ON CONFLICT DO NOTHING
), cursor AS (
  INSERT INTO edge_cursors (edge_id, epoch, committed_seq)
  SELECT * FROM unnest($22::text[], $23::bigint[], $24::bigint[])
  ON CONFLICT (edge_id, epoch) DO UPDATE SET committed_seq = greatest(edge_cursors.committed_seq, excluded.committed_seq), heard_at = now()
)
SELECT count(*) AS moved FROM heads`;
