"""The command `get_schema`."""

from tests.api.conftest import without


def test_the_current_schema_is_answered_with_version_and_date(tell, collaborator):
    saved = tell(collaborator, "save_schema", content="CREATE TABLE invoice ();")
    answer = tell(collaborator, "get_db")
    assert [without(row, "created_at", "updated_at") for row in answer["schemas"]] == [
        {
            "id": saved["id"],
            "title": "Database schema",
            "memory_type": "schema",
            "project": "app",
            "content_md": "CREATE TABLE invoice ();",
            "module": "",
            "tags": [],
            "version": 1,
            "created_by": "carl",
        }
    ]
    assert (answer["project"], answer["count"]) == ("app", 1)
    assert answer["schemas"][0]["updated_at"].endswith("Z")


def test_each_sees_their_own(tell, owner, collaborator, stranger):
    tell(collaborator, "save_schema", content="ours")
    tell(stranger, "save_schema", content="theirs")
    seen = [
        sorted(row["content_md"] for row in tell(person, "get_schema")["schemas"])
        for person in (owner, collaborator, stranger)
    ]
    assert seen == [["ours", "theirs"], ["ours"], ["theirs"]]
