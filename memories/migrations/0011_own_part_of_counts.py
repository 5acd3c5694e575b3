"""Each transaction writes to a part of the counts that is its own, so that none waits for another one's."""

from django.db import migrations

# A part is one transaction's until it ends. Two connections whose numbers fall on the same part would else wait for each
# other, and for ever if they changed memories of two projects in opposite order. With more than 64 that write at once the
# rest wait as before.
OWN_PART = """
CREATE FUNCTION memories_own_part() RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    part integer := pg_backend_pid() % 64;
BEGIN
    FOR attempt IN 1..64 LOOP
        EXIT WHEN pg_try_advisory_xact_lock(772303, part);
        part := (part + 1) % 64;
    END LOOP;
    RETURN part;
END
$$;

CREATE OR REPLACE FUNCTION memories_add_to_count(of_project bigint, more_memories integer, more_terms bigint) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO memories_memorycount AS counted (project_id, part, memories, terms)
    VALUES (of_project, memories_own_part(), more_memories, more_terms)
    ON CONFLICT (project_id, part) DO UPDATE
    SET memories = counted.memories + excluded.memories, terms = counted.terms + excluded.terms
$$;
"""
PART_OF_THE_CONNECTION = """
CREATE OR REPLACE FUNCTION memories_add_to_count(of_project bigint, more_memories integer, more_terms bigint) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO memories_memorycount AS counted (project_id, part, memories, terms)
    VALUES (of_project, pg_backend_pid() % 64, more_memories, more_terms)
    ON CONFLICT (project_id, part) DO UPDATE
    SET memories = counted.memories + excluded.memories, terms = counted.terms + excluded.terms
$$;
DROP FUNCTION memories_own_part();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('memories', '0010_count_memories'),
    ]

    operations = [migrations.RunSQL(OWN_PART, PART_OF_THE_CONNECTION)]
