"""What Django's models cannot say about the search indexes."""

from django.db import migrations

# Frequency and length ride in the key's index, so that a term's postings are read from the index alone; that needs the
# visibility map, hence vacuum after fewer inserts than PostgreSQL's default of a fifth of the table.
TUNE = """
ALTER TABLE memories_posting DROP CONSTRAINT memories_posting_pkey;
ALTER TABLE memories_posting ADD PRIMARY KEY (term_key, project_id, memory_id) INCLUDE (frequency, length);
ALTER TABLE memories_posting SET (autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_vacuum_insert_threshold = 20000,
                                  autovacuum_analyze_scale_factor = 0.02);
ALTER TABLE memories_memory SET (autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
ALTER TABLE memories_pendingembedding SET (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 500);
"""
UNTUNE = """
ALTER TABLE memories_posting DROP CONSTRAINT memories_posting_pkey;
ALTER TABLE memories_posting ADD CONSTRAINT memories_posting_pkey PRIMARY KEY (term_key, project_id, memory_id);
"""


class Migration(migrations.Migration):
    dependencies = [("memories", "0001_initial")]

    operations = [
        migrations.RunSQL(TUNE, UNTUNE),
    ]
