"""Finding transcripts: every place they may lie in, each session's files together, copies after what they copy."""

import os
from pathlib import Path

import pytest

from runs.tokens import TokenCounts
from runs.transcripts import discovery
from runs.transcripts.discovery import Homes, find_transcripts, read_sessions
from tests.runs.transcripts.lines import answer, count, line, meta, totals, turn, typed, write

ONE = TokenCounts(10, 5, 100, 0, 20)


def sessions_of(home: Path) -> dict[str, object]:
    return {session.session_id: session for session in read_sessions(find_transcripts(Homes.of(home, {})))}


def test_the_persons_own_settings_say_where_unless_a_home_is_named(tmp_path):
    environment = {"HOME": "/h", "CLAUDE_CONFIG_DIR": "/c1, /c2", "CODEX_HOME": "/x"}
    assert Homes.of(None, environment).folders == tuple(
        map(Path, ("/c1/projects", "/c2/projects", "/x/sessions", "/x/archived_sessions"))
    )
    assert Homes.of(Path("/other"), environment) == Homes.of(None, {"HOME": "/other"})
    assert Homes.of(None, {"HOME": "/h"}).folders == tuple(
        map(
            Path,
            ("/h/.claude/projects", "/h/.config/claude/projects", "/h/.codex/sessions", "/h/.codex/archived_sessions"),
        )
    )


def test_a_sessions_files_are_read_together(tmp_path):
    folder = tmp_path / ".claude/projects/-home-ana-shop"
    write(folder / "s1.jsonl", typed("go"), answer(1))
    write(folder / "s1/subagents/agent-a.jsonl", answer(1, isSidechain=True), answer(2, "m2", isSidechain=True))
    write(folder / "s1/subagents/workflows/w/agent-b.jsonl", answer(3, "m3", isSidechain=True))
    write(folder / "agent-old.jsonl", answer(4, "m4", isSidechain=True))
    write(tmp_path / ".config/claude/projects/-home-ana-shop/s2.jsonl", answer(1, "other", session="s2"))
    found = sessions_of(tmp_path)
    assert {name: session.tokens for name, session in found.items()} == {
        "s1": TokenCounts(40, 20, 400, 0, 80),
        "s2": ONE,
    }
    assert found["s1"].lines == 6


@pytest.mark.parametrize("fork", ["a-fork", "z-fork"])
@pytest.mark.parametrize("marked", [True, False])
def test_a_fork_comes_after_what_it_was_forked_from_whatever_its_name(tmp_path, fork, marked):
    folder = tmp_path / ".claude/projects/p"
    write(folder / "m-parent.jsonl", typed("go", session="m-parent"), answer(1, session="m-parent"))
    mark = {"forkedFrom": {"sessionId": "m-parent"}} if marked else {}
    begin = line({"type": "queue-operation", "timestamp": "2026-03-02T10:00:00Z", "sessionId": fork})
    copies = [typed("go", session="m-parent", **mark), answer(1, session="m-parent", **mark)]
    write(folder / f"{fork}.jsonl", *([] if marked else [begin]), *copies, answer(4000, "m2", session=fork))
    assert {name: session.tokens for name, session in sessions_of(tmp_path).items()} == {"m-parent": ONE, fork: ONE}


def test_threads_of_one_codex_session_make_one(tmp_path):
    folder = tmp_path / ".codex/sessions/2026/03/02"
    source = {"subagent": {"thread_spawn": {"parent_thread_id": "t1"}}}
    story = [turn(1), count(2, totals(100, 0, 10))]
    write(folder / "rollout-b-t1.jsonl", meta(0, "t1", session_id="t1"), *story)
    write(
        folder / "rollout-a-t2.jsonl",
        meta(5, "t2", session_id="t1", source=source),
        *story,
        count(9, totals(130, 0, 13)),
    )
    write(
        folder / "rollout-c-t3.jsonl", meta(7, "t3", forked_from_id="t1"), count(9, totals(500, 0, 50), totals(5, 0, 1))
    )
    write(tmp_path / ".codex/archived_sessions/rollout-b-t1.jsonl", meta(0, "t1", session_id="t1"), *story)
    assert {name: session.tokens for name, session in sessions_of(tmp_path).items()} == {
        "t1": TokenCounts(130, 13, 0),
        "t3": TokenCounts(5, 1, 0),
    }


def test_what_is_no_transcript_is_told_and_passed_over(tmp_path):
    claude, codex = tmp_path / ".claude/projects/p", tmp_path / ".codex/sessions"
    write(claude / "empty.jsonl")
    write(claude / "agent-nobodys.jsonl", "no json\n")
    write(claude / "notes.txt", "not looked at")
    write(codex / "rollout-foreign.jsonl", line({"type": "other"}), "[[[\n")
    write(codex / "rollout-cold.jsonl.zst", "…")
    (claude / "nowhere.jsonl").symlink_to(claude / "gone")
    os.mkfifo(codex / "pipe.jsonl")
    library = find_transcripts(Homes.of(tmp_path, {}))
    assert len(library) == 0
    assert {(unread.path.name, unread.reason) for unread in library.unread} == {
        ("empty.jsonl", "empty"),
        ("agent-nobodys.jsonl", "not a transcript that is known here"),
        ("rollout-foreign.jsonl", "not a transcript that is known here"),
        ("rollout-cold.jsonl.zst", "compressed"),
        ("nowhere.jsonl", "cannot be read"),
        ("pipe.jsonl", "cannot be read"),
    }


def test_a_line_that_is_too_long_is_broken_and_the_next_one_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(discovery, "LONGEST_LINE", 2_000)
    huge = answer(1, "m1", content=[{"type": "text", "text": "x" * 9_000}])
    write(tmp_path / ".claude/projects/p/s1.jsonl", huge, answer(2, "m2"), huge[:-1])
    library = find_transcripts(Homes.of(tmp_path, {}))
    read: list[int] = []
    (session,) = read_sessions(library, read.append)
    assert (session.tokens, session.lines, session.broken_lines) == (ONE, 3, 2)
    assert sum(read) == library.size == os.path.getsize(tmp_path / ".claude/projects/p/s1.jsonl")


def test_a_file_that_goes_away_while_others_are_read_is_told(tmp_path):
    write(tmp_path / ".claude/projects/p/s1.jsonl", answer(1))
    library = find_transcripts(Homes.of(tmp_path, {}))
    (tmp_path / ".claude/projects/p/s1.jsonl").unlink()
    (session,) = read_sessions(library)
    assert (session.lines, [unread.reason for unread in library.unread]) == (0, ["cannot be read"])


def test_names_that_are_no_text_become_one(tmp_path):
    folder = tmp_path / ".claude/projects/p"
    write(folder / os.fsdecode(b"s\xff1.jsonl"), answer(1))
    write(folder / os.fsdecode(b"empty\xff.jsonl"))
    library = find_transcripts(Homes.of(tmp_path, {}))
    assert [session.session_id for session in read_sessions(library)] == ["s?1"]
    assert [unread.name for unread in library.unread] == ["empty?.jsonl"]
