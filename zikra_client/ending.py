"""How a hook ends: at once."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import NoReturn


def leave(code: int) -> NoReturn:
    """End this process as it stands: what the interpreter does at its end touches all the memory that it shares with the
    process behind the agent's back, and each page would be copied for that."""
    with suppress(OSError, ValueError):
        sys.stdout.flush()
    os._exit(code)
