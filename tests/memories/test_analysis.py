"""The analyser: what counts as a word, alike in documents and queries."""

import time
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memories.analysis import (
    MAX_DOCUMENT_TERMS,
    MAX_TERM_LENGTH,
    SPEAKER_MARK,
    TIME_MARK,
    TITLE_WEIGHT,
    analyse,
    query_marks,
    query_terms,
    term_frequencies,
    term_key,
)

MEBIBYTE = 2**20


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", []),
        (" \n\t\x00 ?! … ", []),
        ("The databases are running", ["databas", "run"]),
        ("Caroline's children went and didn't eat", ["carolin", "child", "go", "eat"]),
        ("get_user_id", ["getuserid", "get", "user", "id"]),
        ("getUserId", ["getuserid", "get", "user", "id"]),
        ("HTTP2Client", ["http2client", "http2", "http", "client"]),
        ("--no-verify", ["noverifi", "verifi"]),
        ("foo.bar()", ["foo.bar", "foo", "bar"]),
        ("src/app/main.py", ["src/app/main.py", "main.py", "src", "app", "main", "py"]),
        ("Python v3.11.7", ["python", "3.11.7", "3.11", "3"]),
        ("C++ and C#", ["c++", "c", "c#", "c"]),
        ("E1042: ERR_CONN_RESET", ["e1042", "e", "errconnreset", "err", "conn", "reset"]),
        ("2023-05-08", ["20230508", "2023", "5", "8"]),
        ("Résumé ＣＡＦÉ straße", ["resum", "cafe", "strass"]),
        ("数据库", ["数据", "据库", "数", "据", "库"]),
        ("猫", ["猫"]),
        ("使用SQL", ["使用", "使", "用", "sql"]),
        ("데이터", ["데이", "이터"]),
        ("программисты программистов", ["программист", "программист"]),
        ("🎉 done 🇩🇪", ["🎉", "done", "🇩🇪"]),
        ("a\x00b nul", ["b", "nul"]),
        ("To do", ["to", "do"]),
    ],
)
def test_terms_of_a_text(text: str, terms: list[str]) -> None:
    assert analyse(text) == terms


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("get_user_id", "getUserId"),
        ("--no-verify", "no-verify"),
        ("e-mail", "email"),
        ("utf-8", "UTF8"),
        ("postgresql", "PostgreSQL"),
        ("Straße", "STRASSE"),
        ("ﬁle", "file"),
    ],
)
def test_spellings_of_one_word_share_their_first_term(written: str, asked: str) -> None:
    assert analyse(written)[0] == analyse(asked)[0]


@pytest.mark.parametrize("query", ["what's up?", "a' OR 1=1 --", '"quoted" (phrase', "foo & | ! bar:*", "100%", "\\"])
def test_punctuation_of_a_query_is_no_syntax(query: str) -> None:
    assert all(term.strip("'\"()&|!*%\\") == term for term in query_terms(query))


@given(st.text())
def test_any_text_gives_bounded_terms_and_keys(text: str) -> None:
    for term in analyse(text):
        assert 1 <= len(term) <= MAX_TERM_LENGTH
        assert -(2**63) <= term_key(term) < 2**63


@given(st.text(alphabet=st.characters(codec=None)))  # lone surrogates too
def test_any_document_is_counted_with_its_length(text: str) -> None:
    frequencies, length = term_frequencies(text, text, [text], text)
    assert length == sum(count for term, count in frequencies.items() if not term.startswith("mark "))
    assert set(query_terms(text)) <= set(frequencies)


@pytest.mark.parametrize(
    "text",
    ["a" * MEBIBYTE, "a." * (MEBIBYTE // 2), "\u0301\u0327" * (MEBIBYTE // 2), "x1Y" * (MEBIBYTE // 3), "漢" * MEBIBYTE]
    + ["." * MEBIBYTE, " " * MEBIBYTE, "Ab: " * (MEBIBYTE // 4), "A " * (MEBIBYTE // 2), "last few " * (MEBIBYTE // 9)],
    ids=[
        "letters",
        "dotted",
        "combining marks",
        "camel",
        "han",
        "dots",
        "spaces",
        "speakers",
        "capitals",
        "time words",
    ],
)
def test_a_mebibyte_takes_time_in_proportion(text: str) -> None:
    """A quadratic step would take minutes; the bound leaves room for a busy machine."""
    begin = time.process_time()
    term_frequencies("t", text)
    assert time.process_time() - begin < 5


def test_distinct_terms_of_a_document_are_bounded_first_come_first() -> None:
    frequencies, length = term_frequencies("Heading", " ".join(f"w{number}x" for number in range(MAX_DOCUMENT_TERMS)))
    assert len(frequencies) == MAX_DOCUMENT_TERMS
    assert frequencies["head"] == TITLE_WEIGHT
    assert length == sum(frequencies.values())


def test_names_of_a_memory_weigh_more_than_its_text() -> None:
    assert term_frequencies("Cache", "cache warm", ["ops"], "billing") == (
        {"cach": TITLE_WEIGHT + 1, "op": TITLE_WEIGHT, "bill": TITLE_WEIGHT, "warm": 1},
        3 * TITLE_WEIGHT + 2,
    )


def test_the_day_of_an_event_becomes_words() -> None:
    frequencies, length = term_frequencies("", "painted", occurred=date(2023, 5, 8))
    assert frequencies == {"paint": 1, "8": 2, "may": 1, "2023": 2, "20230508": 1, "5": 1}
    assert length == 8


@pytest.mark.parametrize(
    ("content", "marks"),
    [
        ("Deployed yesterday", {TIME_MARK}),
        ("We met last week", {TIME_MARK}),
        ("You may deploy", set()),
        ("Ana: Done? Ben Carter: Yes.", {SPEAKER_MARK + name for name in ("ana", "ben", "carter")}),
        ("see http://host: port, time: 5", set()),
    ],
)
def test_marks_of_a_document(content: str, marks: set[str]) -> None:
    assert {term for term in term_frequencies("t", content)[0] if term.startswith("mark ")} == marks


@pytest.mark.parametrize(
    ("query", "marks"),
    [
        ("when was it deployed?", [TIME_MARK]),
        ("What year did Ana move?", [TIME_MARK, SPEAKER_MARK + "ana"]),
        ("how do I deploy", []),
        ("Who is Ben Carter?", [SPEAKER_MARK + "ben", SPEAKER_MARK + "carter"]),
    ],
)
def test_marks_of_a_query(query: str, marks: list[str]) -> None:
    assert query_marks(query) == marks


def test_query_terms_are_distinct_and_in_order() -> None:
    assert query_terms("retry the retries of retry queue") == {"retri": 1.0, "queue": 1.0}


def test_term_keys_never_change() -> None:
    """Stored postings depend on them: a new value would lose every keyword hit."""
    assert [term_key(term) for term in ("postgr", "数据", "\ud800")] == KEYS


KEYS = [2512178767910777855, 7777004220031544954, 4758185216457903464]
