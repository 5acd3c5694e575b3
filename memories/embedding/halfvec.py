"""Vectors as PostgreSQL reads them."""

import numpy as np


def halfvec_text(vector: np.ndarray) -> str:
    """A vector, rounded to numbers of 16 bits, in pgvector's text form: five digits say all that they hold."""
    return f"[{','.join([f'{number:.5g}' for number in vector.astype(np.float16).tolist()])}]"
