"""What the HNSW index finds and costs, by its options: recall against every vector compared, milliseconds a vector and a search.

    .venv/bin/python -m benchmarks.neighbours [--passages 40000] [--questions 300] [--graphs 16/64,12/64,9/56] [--widths 64,100,160]

The texts are paragraphs of docstrings of Python's standard library and of the installed packages, embedded by the portal's
own embedder; the questions are others of them. For each graph (m/ef_construction) the vectors are put into a table of
their own one statement each batch, as the worker does, then each width (hnsw.ef_search) is asked for the nearest 60, which
is what a search takes. A database of its own (embedded PostgreSQL) is removed at the end. Prints one JSON line.
"""

import argparse
import ast
import json
import random
import site
import sysconfig
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from pgvector import HalfVector

from benchmarks.machine import django_on_fresh_servers, machine

NEAREST, SHOWN = 60, 10
BATCH = 64
# Of a paragraph: what is embedded as one passage.
SHORTEST, LONGEST = 30, 220
SEED = 7723
TABLE = "benchmark_vector"


def main() -> None:
    """Run it all and print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passages", type=int, default=40_000)
    parser.add_argument("--questions", type=int, default=300)
    parser.add_argument("--graphs", default="16/64,12/64,9/56", help="m/ef_construction, by commas")
    parser.add_argument("--widths", default="64,100,160", help="hnsw.ef_search, by commas")
    options = parser.parse_args()
    graphs = [(int(m), int(width)) for m, width in (graph.split("/") for graph in options.graphs.split(","))]
    widths = [int(width) for width in options.widths.split(",")]
    with django_on_fresh_servers():
        print(json.dumps(measure(options.passages, options.questions, graphs, widths)))


def measure(passages: int, questions: int, graphs: Sequence[tuple[int, int]], widths: Sequence[int]) -> dict[str, Any]:
    """Embed, then build and ask every graph; answers the figures."""
    texts = paragraphs(passages + questions)
    vectors, asked = embedded(texts[questions:], texts[:questions])
    exact = nearest_of_all(vectors, asked)
    return {
        "benchmark": "neighbours",
        "passages": len(vectors),
        "questions": len(asked),
        "graphs": [graph_of(vectors, asked, exact, m, construction, widths) for m, construction in graphs],
        "machine": machine(),
    }


def paragraphs(count: int) -> list[str]:
    """So many different paragraphs of docstrings, in an order of chance that is always the same."""
    chance = random.Random(SEED)
    found: dict[str, None] = {}
    for path in sources(chance):
        found.update(dict.fromkeys(_paragraphs_of(path)))
        if len(found) >= count:
            break
    else:
        raise SystemExit(f"The installed packages have {len(found)} paragraphs; {count} are asked for.")
    texts = list(found)
    chance.shuffle(texts)
    return texts[:count]


def sources(chance: random.Random) -> list[Path]:
    """Python files of the standard library and of what is installed, in an order of chance."""
    directories = (sysconfig.get_path("stdlib"), *site.getsitepackages())
    paths = sorted(path for directory in directories for path in Path(directory).rglob("*.py"))
    chance.shuffle(paths)
    return paths


def _paragraphs_of(path: Path) -> Iterator[str]:
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError, OSError):
        return
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            for paragraph in (ast.get_docstring(node) or "").split("\n\n"):
                text = " ".join(paragraph.split())
                if SHORTEST <= len(text) <= LONGEST:
                    yield text


def embedded(passages: Sequence[str], questions: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of both, rounded as they are stored: (passages, dimensions) and (questions, dimensions)."""
    from memories.embedding.providers import CORES, EmbeddedE5

    embedder = EmbeddedE5()
    lists = [passages[start : start + BATCH] for start in range(0, len(passages), BATCH)]
    with ThreadPoolExecutor(CORES) as cores:
        vectors = np.concatenate(list(cores.map(embedder.embed_passages, lists)))
    asked = np.array([embedder.embed_query(text) for text in questions])
    return vectors.astype(np.float16), asked.astype(np.float16)


def nearest_of_all(vectors: np.ndarray, asked: np.ndarray) -> list[list[int]]:
    """The NEAREST rows by cosine for each question, nearest first, every vector compared."""
    wide = vectors.astype(np.float32)
    cosines = asked.astype(np.float32) @ (wide / np.linalg.norm(wide, axis=1, keepdims=True)).T
    return [np.argsort(-row)[:NEAREST].tolist() for row in cosines]


def graph_of(
    vectors: np.ndarray, asked: np.ndarray, exact: list[list[int]], m: int, construction: int, widths: Sequence[int]
) -> dict[str, Any]:
    """Build one graph and ask it at every width."""
    from django.db import connection

    dimensions = vectors.shape[1]
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {TABLE}")
        cursor.execute(f"CREATE TABLE {TABLE} (place bigint PRIMARY KEY, embedding halfvec({dimensions}))")
        cursor.execute(
            f"CREATE INDEX {TABLE}_hnsw ON {TABLE} USING hnsw (embedding halfvec_cosine_ops) "
            f"WITH (m = {m}, ef_construction = {construction})"
        )
        began = time.perf_counter()
        for start in range(0, len(vectors), BATCH):
            with cursor.copy(f"COPY {TABLE} (place, embedding) FROM STDIN (FORMAT BINARY)") as copy:
                copy.set_types(("int8", "bytea"))
                for place, vector in enumerate(vectors[start : start + BATCH], start):
                    copy.write_row((place, HalfVector(vector).to_binary()))
        seconds = time.perf_counter() - began
        cursor.execute("SELECT pg_relation_size(%s)", [f"{TABLE}_hnsw"])
        [size] = cursor.fetchone()
        cursor.execute("SET enable_seqscan = off")
        return {
            "m": m,
            "ef_construction": construction,
            "insert_ms": round(seconds / len(vectors) * 1000, 2),
            "megabytes": round(size / 1024**2),
            "widths": [asked_at(cursor, asked, exact, width) for width in widths],
        }


def asked_at(cursor: Any, asked: np.ndarray, exact: list[list[int]], width: int) -> dict[str, float]:
    """Recall of the nearest and milliseconds of a statement at one width, all pages in memory."""
    cursor.execute(f"SET hnsw.ef_search = {width}")
    questions = [HalfVector(vector).to_text() for vector in asked]
    found = [_nearest(cursor, question) for question in questions]
    began = time.perf_counter()
    for question in questions:
        _nearest(cursor, question)
    seconds = time.perf_counter() - began
    return {
        "ef_search": width,
        f"recall_{NEAREST}": _recall(exact, found, NEAREST),
        f"recall_{SHOWN}": _recall(exact, found, SHOWN),
        "search_ms": round(seconds / len(questions) * 1000, 2),
    }


def _nearest(cursor: Any, question: str) -> set[int]:
    cursor.execute(f"SELECT place FROM {TABLE} ORDER BY embedding <=> %s::halfvec LIMIT {NEAREST}", [question])
    return {place for (place,) in cursor.fetchall()}


def _recall(exact: list[list[int]], found: list[set[int]], first: int) -> float:
    """The share of the first of all that are among what was found."""
    hits = sum(len(found_of.intersection(nearest[:first])) for nearest, found_of in zip(exact, found, strict=True))
    return round(hits / first / len(exact), 4)


if __name__ == "__main__":
    main()
