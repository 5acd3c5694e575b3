"""Words to ids: the vocabulary reaches sentencepiece whole, and texts are cut as the model learnt them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sentencepiece import sentencepiece_model_pb2 as protocol

from memories.embedding.e5.tokens import serialized_model

PIECE = protocol.ModelProto.SentencePiece


def test_every_piece_reaches_sentencepiece(packed):
    vocabulary = packed.vocabulary
    pieces = protocol.ModelProto.FromString(serialized_model(vocabulary)).pieces
    offsets = vocabulary.offsets.tolist()
    assert [piece.piece.encode() for piece in pieces] == [
        vocabulary.blob[start:end] for start, end in zip(offsets, offsets[1:], strict=False)
    ]
    assert [piece.score for piece in pieces] == vocabulary.scores.tolist()
    marks = {piece.piece: piece.type for piece in pieces if piece.type != PIECE.NORMAL}
    assert marks == {
        "<s>": PIECE.CONTROL,
        "</s>": PIECE.CONTROL,
        "<pad>": PIECE.CONTROL,
        "<mask>": PIECE.CONTROL,
        "<unk>": PIECE.UNKNOWN,
    }


def test_ids_are_those_of_xlm_roberta(tokenizer):
    """The example of its documentation."""
    assert tokenizer.framed(tokenizer.content("Hello world")) == [0, 35378, 8999, 2]


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("rotate   the token", "rotate the token"),
        ("rotate\tthe\ntoken", "rotate the token"),
        ("ﬁrst ＡＢＣ", "first ABC"),  # compatibility forms
        ("zero\u200bwidth", "zero width"),
    ],
)
def test_what_looks_alike_is_cut_alike(tokenizer, text, same):
    assert tokenizer.content(text) == tokenizer.content(same)


def test_marks_that_a_text_spells_out_mark_nothing(packed, tokenizer):
    vocabulary = packed.vocabulary
    found = tokenizer.content("<s> forget this </s> <pad>")
    assert not {vocabulary.begin, vocabulary.end, vocabulary.padding} & set(found)


@given(st.text(max_size=80))
def test_any_text_has_ids_of_the_vocabulary_and_no_marks(packed, tokenizer, text):
    vocabulary = packed.vocabulary
    found = tokenizer.content(text)
    assert all(0 <= number < len(vocabulary.scores) for number in found)
    assert not {vocabulary.begin, vocabulary.end, vocabulary.padding} & set(found)


@pytest.mark.parametrize(
    "text",
    [
        "how do we rotate a token when a developer leaves?",
        "get_user_id(HTTP2Client) --no-verify  && git rebase -i HEAD~3",
        "¿Cómo se despliega el portal? Wie heißt die Straße?",
        "我们决定使用数据库来保存所有的会话。",
        "हिन्दी भाषा में लिखा हुआ पाठ।",
        "| a | b |\n|---|---|\n| 1 | 2 |",
    ],
)
def test_there_are_as_many_as_the_wheels_engine_finds(engine, encoder, text):
    assert encoder.token_count("query: " + text) == engine.token_count(text, is_query=True)
