"""The search over everything: what each may find, how it is grouped, and what it costs the database."""

import pytest
from django.urls import reverse

from memories.saving import save_memory
from requirements_pipeline.writing import save_requirement
from runs.recording import log_run, start_run

pytestmark = pytest.mark.django_db
SEARCH = "/search/"
# Session and member 2, a collaborator's scope 1, the frame's projects and unread notices 2; exact matches 3; memories
# by meaning 4; requirements, runs and prompts 3.
QUERIES_OF_COLLABORATOR = 15


@pytest.fixture
def known(owner, app, secret_project):
    save_memory(owner.caller, app, "decision", "Sessions live in PostgreSQL", content_md="One store to <b>back up</b>.")
    save_memory(owner.caller, app, "prompt", "Review the store", content_md="Look at every store.")
    save_memory(owner.caller, secret_project, "note", "Skunks are hidden", content_md="One store too.")
    save_requirement(owner.caller, app, "Export the store", content_md="As a file.", acceptance=["opens in a reader"])
    save_requirement(owner.caller, secret_project, "Hide the store")
    log_run(owner.caller, app, agent="codex", session_id="s-1", output_summary="Exported the store.")
    log_run(owner.caller, secret_project, agent="codex", session_id="s-2", output_summary="Hid the store.")


def found(answer):
    """What stands in each group, by its titles."""
    context = answer.context
    return {
        "exact": [(match.kind, match.title) for match in context["exact"]],
        "memories": {result.memory.title for result in context["memories"].rows},
        "requirements": ([row.title for row in context["requirements"].rows], context["requirements"].count),
        "runs": ([row.session_id for row in context["runs"].rows], context["runs"].count),
        "prompts": ([row.title for row in context["prompts"].rows], context["prompts"].count),
    }


def body(answer):
    return " ".join(answer.content.decode().split())


def test_search_stands_behind_the_login(client, db):
    assert client.get(SEARCH)["Location"] == f"/accounts/login/?next={SEARCH}"


def test_each_finds_what_lies_in_their_scope(client, owner, collaborator, stranger, known):
    seen = {}
    for person in (owner, collaborator, stranger):
        client.force_login(person.member)
        answer = client.get(SEARCH, {"q": "store"})
        seen[person.member.username] = found(answer)
        assert "<b>back" not in answer.content.decode()
    assert seen == {
        "olga": {
            "exact": [],
            "memories": {"Sessions live in PostgreSQL", "Review the store", "Skunks are hidden"},
            "requirements": (["Hide the store", "Export the store"], 2),
            "runs": (["s-2", "s-1"], 2),
            "prompts": (["Review the store"], 1),
        },
        "carl": {
            "exact": [],
            "memories": {"Sessions live in PostgreSQL", "Review the store"},
            "requirements": (["Export the store"], 1),
            "runs": (["s-1"], 1),
            "prompts": (["Review the store"], 1),
        },
        "sven": {
            "exact": [],
            "memories": {"Skunks are hidden"},
            "requirements": (["Hide the store"], 1),
            "runs": (["s-2"], 1),
            "prompts": ([], 0),
        },
    }


def test_a_project_bounds_every_group_and_one_out_of_sight_is_not_found(client, owner, collaborator, known):
    client.force_login(owner.member)
    answer = client.get(SEARCH, {"q": "store", "project": "skunkworks"})
    assert found(answer) == {
        "exact": [],
        "memories": {"Skunks are hidden"},
        "requirements": (["Hide the store"], 1),
        "runs": (["s-2"], 1),
        "prompts": ([], 0),
    }
    assert f'href="{reverse("memories")}?q=store&amp;project=skunkworks"' in body(answer)
    leads = [client.get(group.more).context["page"].paginator.count for group in answer.context["groups"][1:]]
    assert leads == [1, 1, 0]
    client.force_login(collaborator.member)
    assert client.get(SEARCH, {"q": "store", "project": "skunkworks"}).status_code == 404


def test_an_id_or_an_exact_title_stands_at_the_top(client, owner, stranger, app, known):
    memory = save_memory(owner.caller, app, "note", "export THE  store").memory
    requirement = save_requirement(owner.caller, app, "Export the store")
    run = start_run(owner.caller, app, agent="codex", session_id="a1b2c3d4-0000-4000-8000-000000000000")
    expected = {
        "Export the Store": [("Memory", memory.title), ("Requirement", requirement.title)],
        str(memory.pk): [("Memory", memory.title)],
        str(requirement.pk).upper(): [("Requirement", requirement.title)],
        str(run.pk): [("Run", str(run))],
        run.session_id: [("Run", str(run))],
    }
    for person, matches in ((owner, expected), (stranger, dict.fromkeys(expected, []))):
        client.force_login(person.member)
        assert {words: found(client.get(SEARCH, {"q": words}))["exact"] for words in expected} == matches


def test_requirements_are_found_by_stems_in_criteria_and_text_those_with_the_title_first(
    client, collaborator, app, known
):
    save_requirement(collaborator.caller, app, "Opened files", content_md="Nothing else.")
    save_requirement(collaborator.caller, app, "The who", content_md="It stops words.")
    client.force_login(collaborator.member)

    def titles(words):
        return found(client.get(SEARCH, {"q": words}))["requirements"][0]

    assert titles("opening") == ["Opened files", "Export the store"]
    assert titles("readers opening") == ["Export the store"]
    assert titles("the who") == ["The who"]
    assert titles("stopped") == ["The who"]
    assert titles("exporter of skunks") == []


def test_runs_are_found_by_every_word_in_any_of_their_names_and_words(client, collaborator, app, known):
    start_run(
        collaborator.caller, app, agent="claude-code", machine="build-7", prompt_name="Review the store",
        session_id="live", step="reading 100% of it",
    )  # fmt: skip
    client.force_login(collaborator.member)

    def sessions(words):
        return found(client.get(SEARCH, {"q": words}))["runs"][0]

    assert sessions("BUILD-7 review") == ["live"]
    assert sessions("100%") == ["live"]
    assert sessions("1%0") == []
    assert sessions("build-7 exported") == []


def test_nothing_found_is_said_for_each_group_and_nothing_asked_is_said_once(client, collaborator, known):
    client.force_login(collaborator.member)
    page = body(client.get(SEARCH, {"q": "zzzzqqqq"}))
    for words in (
        "No requirement holds all of these words",
        "None of the newest 5,000 runs holds all of these words",
        "No prompt holds all of these words",
    ):
        assert page.count(words) == 1
    assert "What are you looking for?" in body(client.get(SEARCH))


@pytest.mark.parametrize(
    "query",
    [
        *("<script>alert(1)</script>", '"quotes" -- \'; DROP', "\x00", "*", "%", "🦨", "x" * 20_000, "get_user_id()"),
        *(
            "\\",
            "a & | ! <-> b:*",
            "x" * 900,
            "w " * 400,
            "مرحبا بالعالم",
            "-not",
            "00000000-0000-0000-0000-00000000000g",
        ),
    ],
)
def test_any_query_is_ordinary_input(client, collaborator, known, query):
    client.force_login(collaborator.member)
    answer = client.get(SEARCH, {"q": query})
    assert answer.status_code == 200
    assert "<script>alert" not in answer.content.decode()


def test_hostile_titles_are_shown_as_words(client, collaborator, app):
    hostile = "<script>alert('store')</script> " + "W" * 400
    save_memory(collaborator.caller, app, "note", hostile)
    save_requirement(collaborator.caller, app, hostile)
    log_run(collaborator.caller, app, agent="<script>alert(2)</script>", prompt_name=hostile)
    client.force_login(collaborator.member)
    page = client.get(SEARCH, {"q": "store"}).content.decode()
    assert "<script>alert" not in page
    assert page.count("&lt;script&gt;alert") >= 3


def test_the_number_of_queries_does_not_grow(client, collaborator, app, known, django_assert_num_queries):
    client.force_login(collaborator.member)
    client.get(SEARCH, {"q": "store"})
    with django_assert_num_queries(QUERIES_OF_COLLABORATOR):
        client.get(SEARCH, {"q": "store"})
    for number in range(20):
        save_memory(collaborator.caller, app, "prompt", f"Prompt {number} of the store")
        save_requirement(collaborator.caller, app, f"Requirement {number} of the store")
        log_run(collaborator.caller, app, agent="codex", session_id=f"n-{number}", output_summary="store")
    with django_assert_num_queries(QUERIES_OF_COLLABORATOR):
        answer = client.get(SEARCH, {"q": "store"})
    assert {name: count for name, (_, count) in list(found(answer).items())[2:]} == {
        "requirements": 21,
        "runs": 21,
        "prompts": 21,
    }


def test_the_old_address_of_search_leads_here_with_its_words(client, collaborator, known):
    client.force_login(collaborator.member)
    answer = client.get("/", {"q": "one store", "project": "app"})
    assert (answer.status_code, answer["Location"]) == (301, "/search/?q=one+store&project=app")
