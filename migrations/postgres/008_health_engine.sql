-- What poller and gates keep since version 2: see each section.
--
-- `PgStore::migrate` runs this file after 007; an application with migrations of its own takes it as it is, under its
-- next number. It works in the schema that comes first in the search path. Running it again changes nothing.

-- 1. Sections are appended above the last statement ------------------------------------------------

-- The poller's queue --------------------------------------------------------------------------------

-- A parked host is not due between these two instants, whatever its due time says.
alter table health_schedule
    add column if not exists parked_at timestamptz,
    add column if not exists parked_until timestamptz;

-- Last: the version ---------------------------------------------------------------------------------

update health_installation set schema_version = greatest(schema_version, 2);
