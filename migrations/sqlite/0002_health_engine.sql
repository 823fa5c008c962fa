-- What poller and gates keep since version 2: see each section.

-- The poller's queue ------------------------------------------------------------------------------

-- A parked host is not due between these two instants, whatever its due time says.
alter table health_schedule add column parked_at integer;
alter table health_schedule add column parked_until integer;
