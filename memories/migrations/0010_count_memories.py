"""How many searchable memories each project has, kept while they change."""

import django.db.models.deletion
from django.db import migrations, models

# Each connection has a part of its own, as far as there are parts. The table is small and written all the time: half of
# each page stays free, so that a changed row finds room beside the old one and no index is touched.
COUNT = """
ALTER TABLE memories_memorycount SET (fillfactor = 50);

CREATE FUNCTION memories_add_to_count(of_project bigint, more_memories integer, more_terms bigint) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO memories_memorycount AS counted (project_id, part, memories, terms)
    VALUES (of_project, pg_backend_pid() % 64, more_memories, more_terms)
    ON CONFLICT (project_id, part) DO UPDATE
    SET memories = counted.memories + excluded.memories, terms = counted.terms + excluded.terms
$$;

CREATE FUNCTION memories_count_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' AND OLD.deleted_at IS NULL AND OLD.archived_at IS NULL THEN
        PERFORM memories_add_to_count(OLD.project_id, -1, -OLD.term_count);
    END IF;
    IF TG_OP <> 'DELETE' AND NEW.deleted_at IS NULL AND NEW.archived_at IS NULL THEN
        PERFORM memories_add_to_count(NEW.project_id, 1, NEW.term_count);
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER memories_count_rows AFTER INSERT OR DELETE ON memories_memory
FOR EACH ROW EXECUTE FUNCTION memories_count_change();
CREATE TRIGGER memories_count_changes AFTER UPDATE ON memories_memory
FOR EACH ROW WHEN (
    (OLD.project_id, OLD.term_count, OLD.deleted_at IS NULL, OLD.archived_at IS NULL)
    IS DISTINCT FROM (NEW.project_id, NEW.term_count, NEW.deleted_at IS NULL, NEW.archived_at IS NULL)
) EXECUTE FUNCTION memories_count_change();

INSERT INTO memories_memorycount (project_id, part, memories, terms)
SELECT project_id, 0, count(*), sum(term_count) FROM memories_memory
WHERE deleted_at IS NULL AND archived_at IS NULL GROUP BY project_id;
"""
UNCOUNT = """
DROP TRIGGER memories_count_rows ON memories_memory;
DROP TRIGGER memories_count_changes ON memories_memory;
DROP FUNCTION memories_count_change();
DROP FUNCTION memories_add_to_count(bigint, integer, bigint);
"""


class Migration(migrations.Migration):

    dependencies = [
        ('access', '0007_token_order'),
        ('memories', '0009_pending_by_age'),
    ]

    operations = [
        migrations.CreateModel(
            name='MemoryCount',
            fields=[
                ('pk', models.CompositePrimaryKey('project_id', 'part', blank=True, editable=False, primary_key=True, serialize=False)),
                ('part', models.PositiveSmallIntegerField()),
                ('memories', models.IntegerField()),
                ('terms', models.BigIntegerField()),
                ('project', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='access.project')),
            ],
        ),
        migrations.RunSQL(COUNT, UNCOUNT),
        # Terms are no longer summed from it.
        migrations.RemoveIndex(model_name="memory", name="memory_searchable"),
        migrations.AddIndex(
            model_name="memory",
            index=models.Index(
                condition=models.Q(("archived_at", None), ("deleted_at", None)), fields=["project"], name="memory_searchable"
            ),
        ),
    ]
