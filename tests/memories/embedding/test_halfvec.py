"""Vectors as text."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from memories.embedding.halfvec import halfvec_text

VECTORS = arrays.arrays(np.float16, st.integers(1, 40), elements=st.floats(-65_504, 65_504, width=16))


@given(VECTORS)
def test_the_text_says_all_that_16_bits_hold(vector):
    text = halfvec_text(vector)
    assert (text[0], text[-1]) == ("[", "]")
    assert [np.float16(number) for number in text[1:-1].split(",")] == vector.tolist()
