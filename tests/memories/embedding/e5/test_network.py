"""The weights as the network multiplies them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from memories.embedding.e5.network import LARGEST_WEIGHT, quantized

MATRICES = arrays.arrays(
    np.float32,
    arrays.array_shapes(min_dims=2, max_dims=2, max_side=12),
    elements=st.floats(-100, 100, width=32),
)


@given(MATRICES)
def test_each_row_is_rounded_to_the_nearest_of_127_steps(matrix):
    whole, scales = quantized(matrix)
    assert whole.dtype == np.int8
    assert np.abs(whole).max() <= LARGEST_WEIGHT
    error = np.abs(whole * scales[:, np.newaxis] - matrix)
    assert (error <= scales[:, np.newaxis] * 0.5001 + 1e-12).all()


def test_the_largest_weight_of_a_row_keeps_its_value():
    whole, scales = quantized(np.array([[0.5, -2.0], [0.0, 0.0]], dtype=np.float32))
    assert whole.tolist() == [[16, -63], [0, 0]]
    assert scales[0] * -63 == np.float32(-2.0)


def test_two_products_fit_in_16_bits_where_a_processor_adds_them_there():
    assert 2 * 255 * LARGEST_WEIGHT < 2**15
