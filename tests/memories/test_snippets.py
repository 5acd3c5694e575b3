"""Snippets: where they are cut, what they leave out, and how many results fit a budget."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memories.analysis import analyse, query_terms
from memories.snippets import ELLIPSIS, SNIPPET_CHARACTERS, plain_text, snippet, tokens_of, within_budget

FILLER = "lorem ipsum dolor sit amet " * 40


def test_a_short_text_is_shown_whole_and_plain() -> None:
    assert snippet("# Title\n\nWe *chose* `get_user_id`.\x00", ["chose"]) == "Title We chose get_user_id."


@pytest.mark.parametrize(
    ("markdown", "plain"),
    [
        ("see [the docs](https://example.org/a_(b)) now", "see the docs now"),
        ("see [[Other title]] and [[other|these words]]", "see Other title and these words"),
        ("> quoted\n- item\n* item\n## head", "quoted item item head"),
        ("a_b **bold** ~~gone~~ ```py\nx = 1\n```", "a_b bold gone py x = 1"),
        ("2 * 3 - 1", "2 * 3 - 1"),
    ],
)
def test_markdown_becomes_one_plain_line(markdown: str, plain: str) -> None:
    assert plain_text(markdown) == plain


def test_it_is_cut_around_the_best_match_on_word_bounds() -> None:
    found = snippet(FILLER + "we chose PostgreSQL for storage " + FILLER, query_terms("PostgreSQL storage"))
    assert "we chose PostgreSQL for storage" in found
    assert found.startswith(ELLIPSIS)
    assert found.endswith(ELLIPSIS)
    assert set(found.strip(ELLIPSIS).split()) <= set((FILLER + "we chose PostgreSQL for storage").split())


def test_more_distinct_words_win_over_more_repetitions() -> None:
    text = "cache cache cache " + FILLER + "the cache of the queue " + FILLER
    assert "the cache of the queue" in snippet(text, query_terms("cache queue"))


def test_words_match_by_their_stems() -> None:
    assert "migrations" in snippet(FILLER + "all migrations ran " + FILLER, query_terms("migrating"))


def test_without_a_match_it_is_the_beginning() -> None:
    found = snippet("Start here. " + FILLER, ["absent"])
    assert found.startswith("Start here.")
    assert found.endswith(ELLIPSIS)


def test_the_end_of_a_text_has_no_ellipsis_after_it() -> None:
    found = snippet(FILLER + "the very end", query_terms("end"))
    assert found.startswith(ELLIPSIS)
    assert found.endswith("the very end")


def test_text_without_spaces_is_cut_around_its_match() -> None:
    assert "数据库" in snippet("甲乙丙丁" * 200 + "数据库" + "甲乙丙丁" * 200, query_terms("数据库"))


@given(st.text(max_size=2000), st.text(max_size=40), st.integers(0, 300))
def test_any_text_gives_a_plain_snippet_within_its_length(text: str, query: str, most: int) -> None:
    found = snippet(text, query_terms(query), most)
    assert len(found) <= most
    assert not set(found) & set("\n\r\t\x00")


@given(st.lists(st.sampled_from(["alpha", "beta", "gamma", "delta"]), min_size=80, max_size=300))
def test_words_are_never_cut(words: list[str]) -> None:
    found = snippet(" ".join(words), analyse("gamma"))
    assert set(found.strip(ELLIPSIS).split()) <= set(words)
    assert len(found) <= SNIPPET_CHARACTERS


@pytest.mark.parametrize("piece", ["word ", "x", "[", "[[", "![", "`", "# \n", "漢", "[a](b ", "[a](", "[a](x(", "*"])
def test_a_mebibyte_is_cut_in_short_time(piece: str) -> None:
    begin = time.process_time()
    snippet(piece * (2**20 // len(piece.encode())), ["word"])
    assert time.process_time() - begin < 1


def test_a_result_spends_its_characters_by_four_rounded_up() -> None:
    assert [tokens_of("", ""), tokens_of("a", ""), tokens_of("abcd", "efgh"), tokens_of("abcd", "e")] == [0, 1, 2, 2]


@pytest.mark.parametrize(
    ("costs", "budget", "kept"),
    [
        ([], 100, (0, 0)),
        ([50, 50, 1], 100, (2, 100)),
        ([500], 100, (1, 500)),
        ([500, 1], 100, (1, 500)),
        ([60, 60, 10], 100, (1, 60)),
        ([0, 0], 0, (2, 0)),
    ],
)
def test_the_budget_keeps_the_first_always_and_never_skips(
    costs: list[int], budget: int, kept: tuple[int, int]
) -> None:
    assert within_budget(costs, budget) == kept
