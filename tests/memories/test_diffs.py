"""Diffs show every change and invent none."""

from hypothesis import given
from hypothesis import strategies as st

from memories.diffs import LINES_AT_MOST, DiffLine, diff_lines

lines = st.lists(st.sampled_from(["a", "b", "c", "", "d"]), max_size=25)


def test_a_changed_line_stands_between_its_neighbours():
    assert diff_lines("a\nb\nc", "a\nB\nc") == [
        DiffLine("same", "a", 1, 1),
        DiffLine("removed", "b", 2, None),
        DiffLine("added", "B", None, 2),
        DiffLine("same", "c", 3, 3),
    ]


def test_equal_texts_have_no_diff():
    assert diff_lines("a\nb", "a\nb") == []


def test_distant_changes_are_parted_by_a_gap():
    old = [str(number) for number in range(40)]
    new = ["x", *old[1:-1], "y"]
    assert [line.kind for line in diff_lines("\n".join(old), "\n".join(new))].count("gap") == 1


def test_texts_that_are_too_long_are_not_compared():
    long = "\n".join(str(number) for number in range(LINES_AT_MOST + 1))
    assert diff_lines(long, long + "\nmore") is None
    assert diff_lines(long, long) == []


@given(lines, lines)
def test_the_new_text_is_the_old_one_without_the_removed_and_with_the_added_lines(old, new):
    changed = diff_lines("\n".join(old), "\n".join(new))
    before, after = "\n".join(old).splitlines(), "\n".join(new).splitlines()
    removed = {line.old_number: line.text for line in changed if line.kind == "removed"}
    added = {line.new_number: line.text for line in changed if line.kind == "added"}
    kept = [text for number, text in enumerate(before, 1) if number not in removed]
    assert kept == [text for number, text in enumerate(after, 1) if number not in added]
    assert all(before[number - 1] == text for number, text in removed.items())
    assert all(after[number - 1] == text for number, text in added.items())
