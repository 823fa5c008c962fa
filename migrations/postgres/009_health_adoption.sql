-- What the schema has had since version 3: see each section.
--
-- `PgStore::migrate` runs this file after 008; an application with migrations of its own takes it as it is, under its
-- next number. It works in the schema that comes first in the search path. Running it again changes nothing.

-- 1. Sections are appended above the last statement ------------------------------------------------

-- Passwords -----------------------------------------------------------------------------------------

-- An adopted ciphertext may lack its nonce. It opens under no key, the check says so, and editing it must work.
alter table host_health_checks drop constraint if exists valid_secret;
alter table host_health_checks add constraint valid_secret check (
    secret_format = 0
    or (basic_auth_pass_encrypted is null) = (basic_auth_pass_nonce is null)
    and (basic_auth_pass_nonce is null or octet_length(basic_auth_pass_nonce) = 12)
) not valid;

-- The observer's own network ------------------------------------------------------------------------

-- When a host's checks ran last, and since when they find it unreachable: `epoch` for a host that was never reached.
-- Pollers ask them while their own network may be down.
alter table health_schedule
    add column if not exists tried_at timestamptz,
    add column if not exists unreachable_since timestamptz;

-- Last: the version ---------------------------------------------------------------------------------

update health_installation set schema_version = greatest(schema_version, 3);
