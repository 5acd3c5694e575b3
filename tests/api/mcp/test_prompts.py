"""The team's prompts under words that can be typed."""

import pytest

from api.mcp import prompts
from runs.models import Run
from tests.api.mcp.conftest import VERSIONS

pytestmark = pytest.mark.django_db


def words(page):
    return [row["name"] for row in page["prompts"]]


@pytest.fixture
def many(tell, owner, app, secret_project):
    for project, title in [
        ("app", "Review a migration"), ("app", "Überprüfe: Größe?"), ("app", "🙂"), ("app", "Plan"),
        ("app", "plan"), ("skunkworks", "Plan"), ("global", "Triage"), ("skunkworks", "Triage"),
    ]:  # fmt: skip
        tell(owner, "save_prompt", title=title, content_md=f"{title} of {project}.", project=project)


def test_words_are_made_of_titles_and_of_projects_where_titles_meet(request_of, owner, many):
    page = request_of(owner, "prompts/list")["prompts"]

    tails = {row["name"].rpartition("-")[2] for row in page if row["name"].startswith("app.plan-")}
    assert len(tails) == 2
    emoji = next(row["name"] for row in page if row["title"] == "🙂")
    assert len(emoji) == 8
    assert {row["name"]: row["description"] for row in page} == {
        **{f"app.plan-{tail}": "A prompt of app." for tail in tails},
        emoji: "A prompt of app.",
        "skunkworks.plan": "A prompt of skunkworks.",
        "review-a-migration": "A prompt of app.",
        "global.triage": "A prompt of global.",
        "skunkworks.triage": "A prompt of skunkworks.",
        "überprüfe-größe": "A prompt of app.",
    }


def test_each_word_gets_its_own_prompt(request_of, owner, many):
    texts = {
        row["name"]: request_of(owner, "prompts/get", name=row["name"])["messages"][0]["content"]["text"]
        for row in request_of(owner, "prompts/list")["prompts"]
    }

    assert texts["global.triage"] == "Triage of global."
    assert texts["skunkworks.triage"] == "Triage of skunkworks."
    assert texts["skunkworks.plan"] == "Plan of skunkworks."
    assert sorted(text for word, text in texts.items() if word.startswith("app.plan")) == [
        "Plan of app.",
        "plan of app.",
    ]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.django_db(transaction=True)
def test_a_word_that_no_header_can_carry_plainly_is_sent_in_base64(visit, owner, many, version):
    async def get(client):
        return (await client.get_prompt("überprüfe-größe")).description

    assert visit(owner, get, version) == "Überprüfe: Größe?"


def test_words_tell_nothing_of_prompts_out_of_sight(request_of, collaborator, stranger, many):
    assert words(request_of(stranger, "prompts/list")) == ["plan", "triage"]
    assert "triage" not in words(request_of(collaborator, "prompts/list"))
    told = request_of(collaborator, "prompts/get", name="triage")
    assert told == {"code": -32602, "message": "Unknown prompt: triage"}
    assert request_of(collaborator, "prompts/get", name="nothing")["message"] == "Unknown prompt: nothing"


def test_pages(request_of, owner, many, monkeypatch):
    monkeypatch.setattr(prompts, "PAGE_SIZE", 3)
    seen, cursor = [], None
    for _ in range(3):
        page = request_of(owner, "prompts/list", **({"cursor": cursor} if cursor else {}))
        seen, cursor = seen + [row["title"] for row in page["prompts"]], page.get("nextCursor")

    assert cursor is None
    assert sorted(seen) == sorted(
        ["Plan", "Plan", "Review a migration", "Triage", "Triage", "plan", "Überprüfe: Größe?", "🙂"]
    )


@pytest.mark.parametrize("cursor", ["x", "W10", "WzBd", "Wy0xXQ", "WyJhIl0", "W3RydWVd"])
def test_a_cursor_that_nobody_gave_is_refused(request_of, collaborator, cursor):
    assert request_of(collaborator, "prompts/list", cursor=cursor)["code"] == -32602


def test_getting_one_links_the_runner_s_next_run(post, use, collaborator, tell):
    tell(collaborator, "save_prompt", title="Review a migration", content_md="Read it twice.")
    get = {"jsonrpc": "2.0", "id": 1, "method": "prompts/get", "params": {"name": "review-a-migration"}}
    post(collaborator, get, **{"x-zikra-runner": "claude-code"})

    use(collaborator, "zikra_log_run", runner="claude-code", session_id="s9")

    assert Run.objects.get(session_id="s9").prompt_name == "Review a migration"
