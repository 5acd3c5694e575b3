import django.contrib.postgres.indexes
from django.db import migrations
from django.db.models import Func

# array_to_string is not declared immutable because of element types whose text depends on settings; that of varchar
# does not. A vector holds 1 MiB at most: so many characters never fill it. The cost tells the planner that the index is
# cheaper than computing it for each row.
MAKE_FUNCTION = """
CREATE FUNCTION requirement_words(title varchar, content_md text, acceptance varchar[]) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 1000 AS $$
    SELECT to_tsvector('pg_catalog.simple', title)
        || to_tsvector('pg_catalog.english', title)
        || to_tsvector('pg_catalog.english', left(array_to_string(acceptance, ' '), 50000))
        || to_tsvector('pg_catalog.english', left(content_md, 100000))
$$
"""


class Migration(migrations.Migration):

    dependencies = [
        ('requirements_pipeline', '0006_rank_and_templates'),
    ]

    operations = [
        migrations.RunSQL(MAKE_FUNCTION, 'DROP FUNCTION requirement_words(varchar, text, varchar[])'),
        migrations.AddIndex(
            model_name='requirement',
            index=django.contrib.postgres.indexes.GinIndex(Func('title', 'content_md', 'acceptance', function='requirement_words'), name='requirement_said'),
        ),
    ]
