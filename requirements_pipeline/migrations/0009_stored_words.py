from django.db import migrations

# An index over the function alone was not enough: for a word that most requirements hold PostgreSQL reads the table and
# computes every vector anew. Title 'A', criteria 'B', text 'D': what stands in the title ranks above any text.
STORE_WORDS = [
    """
    CREATE OR REPLACE FUNCTION requirement_words(title varchar, content_md text, acceptance varchar[]) RETURNS tsvector
    LANGUAGE sql IMMUTABLE PARALLEL SAFE COST 1000 AS $$
        SELECT setweight(to_tsvector('pg_catalog.simple', title) || to_tsvector('pg_catalog.english', title), 'A')
            || setweight(to_tsvector('pg_catalog.english', left(array_to_string(acceptance, ' '), 50000)), 'B')
            || to_tsvector('pg_catalog.english', left(content_md, 100000))
    $$
    """,
    """
    ALTER TABLE requirements_pipeline_requirement ADD COLUMN words tsvector
    GENERATED ALWAYS AS (requirement_words(title, content_md, acceptance)) STORED
    """,
    'CREATE INDEX requirement_words ON requirements_pipeline_requirement USING gin (words)',
]
FORGET_WORDS = 'ALTER TABLE requirements_pipeline_requirement DROP COLUMN words'


class Migration(migrations.Migration):

    dependencies = [
        ('requirements_pipeline', '0008_editor_drafts'),
    ]

    operations = [
        migrations.RemoveIndex(model_name='requirement', name='requirement_said'),
        migrations.RunSQL(STORE_WORDS, FORGET_WORDS),
    ]
