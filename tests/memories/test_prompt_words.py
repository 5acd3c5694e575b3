"""Each prompt under one word that can be typed."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from access.models import Project
from memories.models import Memory
from memories.prompts import prompts_by_word
from memories.saving import save_memory

TITLES = st.sampled_from(
    ["Plan", "plan", "PLAN!", "Review a migration", "🙂", "Größe", "日本語", "- -", "a" * 200]
) | st.text(min_size=1, max_size=12).filter(lambda text: text.isprintable() and text.strip() != "")


@pytest.mark.django_db
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(st.sampled_from(["app", "docs", "global"]), TITLES), max_size=8))
def test_every_prompt_has_a_word_of_its_own(owner, rows):
    Memory.objects.all().delete()
    for name, title in rows:
        project = Project.objects.get_or_create(name=name)[0]
        save_memory(owner.caller, project, "prompt", title, content_md="x")

    words = prompts_by_word(owner.caller)

    assert sorted(row.pk for row in words.values()) == sorted(Memory.objects.values_list("pk", flat=True))
    assert [word for word in words if not re.fullmatch(r"[\w.-]{1,200}", word)] == []
    assert [row.title for row in words.values()] == list(
        Memory.objects.order_by("title", "id").values_list("title", flat=True)
    )


@pytest.mark.parametrize(
    ("titles", "words"),
    [
        (["Review a migration"], ["review-a-migration"]),
        (["Release: 1.0?"], ["release-1.0"]),
        (["Größe"], ["größe"]),
        (["Plan", "Review"], ["plan", "review"]),
    ],
)
def test_words_are_the_titles(collaborator, app, titles, words):
    for title in titles:
        save_memory(collaborator.caller, app, "prompt", title, content_md="x")

    assert list(prompts_by_word(collaborator.caller)) == words
