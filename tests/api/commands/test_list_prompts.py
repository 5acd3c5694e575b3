"""The command `list_prompts`."""

from tests.api.conftest import without


def test_prompts_are_listed_by_title(tell, collaborator):
    for title in ("Write", "Review"):
        tell(collaborator, "save_prompt", title=title, content_md=f"**{title}** it.")
    tell(collaborator, "save_memory", title="Not a prompt")
    answer = tell(collaborator, "get_prompts")
    assert [without(row, "id", "created_at", "updated_at") for row in answer["prompts"]] == [
        {"title": title, "snippet": f"{title} it.", "project": "app", "access_count": 0, "created_by": "carl"}
        for title in ("Review", "Write")
    ]
    assert (answer["count"], answer["status"]) == (2, "success")


def test_each_sees_their_own(tell, owner, collaborator, stranger):
    tell(collaborator, "save_prompt", title="Ours")
    tell(stranger, "save_prompt", title="Theirs")
    seen = [[row["title"] for row in tell(who, "list_prompts")["prompts"]] for who in (owner, collaborator, stranger)]
    assert seen == [["Ours", "Theirs"], ["Ours"], ["Theirs"]]
    assert [row["title"] for row in tell(owner, "list_prompts", project="app", limit=1)["prompts"]] == ["Ours"]
