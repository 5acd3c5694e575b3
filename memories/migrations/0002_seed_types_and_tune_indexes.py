"""The contract's memory types as rows, and what Django's models cannot say about the two search indexes."""

from django.db import migrations

# name, label, half-life in days (None: never fades), colour
TYPES = [
    ("decision", "Decision", 90, "#2563eb"),
    ("error", "Error", 30, "#dc2626"),
    ("schema", "Schema", 180, "#0891b2"),
    ("requirement", "Requirement", None, "#7c3aed"),
    ("prompt", "Prompt", None, "#c026d3"),
    ("conversation", "Conversation", 30, "#6b7280"),
    ("reference", "Reference", 180, "#0d9488"),
    ("user", "User", None, "#ca8a04"),
    ("feedback", "Feedback", None, "#ea580c"),
    ("project", "Project", 60, "#16a34a"),
    ("note", "Note", 90, "#64748b"),
    ("context", "Context", 90, "#4f46e5"),
    ("architecture", "Architecture", 90, "#0369a1"),
]


def seed_types(apps, schema_editor):
    memory_type = apps.get_model("memories", "MemoryType")
    for name, label, half_life, colour in TYPES:
        memory_type.objects.get_or_create(
            name=name, defaults={"label": label, "half_life_days": half_life, "colour": colour}
        )


# The frequency rides in the key's index, so that a term's postings are read from the index alone; that needs the
# visibility map, hence vacuum after fewer inserts than PostgreSQL's default of a fifth of the table.
TUNE = """
ALTER TABLE memories_posting DROP CONSTRAINT memories_posting_pkey;
ALTER TABLE memories_posting ADD PRIMARY KEY (term_key, project_id, memory_id) INCLUDE (frequency);
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
        migrations.RunPython(seed_types, migrations.RunPython.noop),
        migrations.RunSQL(TUNE, UNTUNE),
    ]
