-- What the schema has had since version 3: see each section.

-- The observer's own network ------------------------------------------------------------------------

-- When a host's checks ran last, and since when they find it unreachable: 0 for a host that was never reached.
-- Pollers ask them while their own network may be down.
alter table health_schedule add column tried_at integer;
alter table health_schedule add column unreachable_since integer;
