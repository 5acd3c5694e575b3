"""Last words of the parts, understood."""

import pytest

from zikra_portal.starting import says_full


@pytest.mark.parametrize(
    ("words", "full"),
    [
        ("initdb: error: could not create directory: No space left on device", True),
        ('FATAL:  could not extend file "base/1/2654": wrote only 4096 of 8192 bytes at block 0', True),
        ('FATAL:  could not extend file "base/1/2654": Input/output error', False),
        ("FATAL:  data directory has wrong ownership", False),
    ],
)
def test_a_full_disk_is_known_by_the_words_of_the_system_and_of_postgresql(words, full):
    assert says_full(words) is full
