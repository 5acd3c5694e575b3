"""Settings of the wrong form are told by name, without a traceback and without a password."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        (
            "EMBEDDING_DIMENSIONS",
            "many",
            "Error: The setting EMBEDDING_DIMENSIONS has the wrong form: 'many'.",
        ),
        (
            "SEARCH_SEMANTIC_WEIGHT",
            "half",
            "Error: The setting SEARCH_SEMANTIC_WEIGHT has the wrong form: 'half'.",
        ),
        (
            "COST_CURRENCY_RATE",
            "a lot",
            "Error: The setting COST_CURRENCY_RATE has the wrong form: 'a lot'.",
        ),
        (
            "DATABASE_URL",
            "postgresql://ana:hunter22@host:port/zikra",
            "Error: The setting DATABASE_URL is no address such as postgresql://user:password@host:5432/database.",
        ),
    ],
)
def test_a_malformed_setting_is_one_line(name, value, line):
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env={**os.environ, "ZIKRA_ENV_FILE": os.devnull, name: value},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr.strip()) == (1, line)
