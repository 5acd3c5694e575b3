"""Retrieval quality on LoCoMo conversations, through the product's own verbs, with the embedded embedder.

    .venv/bin/python -m benchmarks.locomo PATH_TO_CONVERSATIONS [--unit pair|turn] [--files 26 30] [--ablation] [--together]

PATH_TO_CONVERSATIONS holds the JSON files of the LoCoMo data set (snap-research/locomo, CC BY-NC 4.0; not part of this
project). One project a conversation. Unit pair: two turns in a row of one session make one memory (an odd last turn
stands alone); unit turn: every turn is one. A memory's text is `Speaker: text [shares caption] Speaker: text`, its date
that of the session, its source the session. Every question that names evidence is asked once, limit 10; a hit at k: one
of the first k memories holds a turn of the evidence. Prints one JSON line a unit. With --ablation the questions are
asked again with parts of the ranking left out and with other weights of the legs, one more line each; with --together over all conversations at once, one more line.
"""

import argparse
import json
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.machine import django_on_fresh_servers, machine, percentile

LIMIT = 10
TURNS_A_MEMORY = {"pair": 2, "turn": 1}
SESSION = re.compile(r"session_(\d+)")


def main() -> None:
    """Save, embed and ask; print one JSON line for each unit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    parser.add_argument("--unit", choices=sorted(TURNS_A_MEMORY), action="append")
    parser.add_argument("--files", nargs="*", help="names without .json; all of them by default")
    parser.add_argument("--ablation", action="store_true", help="ask again with parts of the ranking left out")
    parser.add_argument("--together", action="store_true", help="ask again over all conversations at once")
    options = parser.parse_args()
    files = sorted(file for file in options.path.glob("*.json") if not options.files or file.stem in options.files)
    with django_on_fresh_servers():
        for unit in options.unit or sorted(TURNS_A_MEMORY):
            variants = [*(VARIANTS if options.ablation else VARIANTS[:1]), *([TOGETHER] if options.together else [])]
            for line in measure(files, unit, variants):
                print(json.dumps(line), flush=True)


@dataclass(frozen=True)
class Variant:
    """A ranking to compare: the weights of the legs, the parts of them that count nothing, and whether a question is
    asked over all conversations instead of its own.
    """

    name: str
    semantic: float | None = None
    without: tuple[str, ...] = ()
    together: bool = False


# The first is the product as it is; None leaves the setting's weight.
VARIANTS = (
    Variant("as it is"),
    Variant("words alone", semantic=0.0),
    Variant("BM25 alone", semantic=0.0, without=("words_near", "source_bm25", "time", "speaker")),
    Variant("meaning alone", semantic=1.0),
    Variant("the best passage alone", semantic=1.0, without=("neighbours", "source")),
    Variant("without neighbours", without=("neighbours", "words_near")),
    Variant("without the source", without=("source", "source_bm25")),
    Variant("without time and speaker", without=("time", "speaker")),
    *(Variant(f"weights {share}/{round(1 - share, 1)}", semantic=share) for share in (0.5, 0.6, 0.8, 0.9)),
)
# More memories than are compared one by one: the index of vectors and the bound on postings have their say.
TOGETHER = Variant("all conversations at once", together=True)


@contextmanager
def ranked_as(variant: Variant) -> Iterator[None]:
    """The product's ranking with a variant's weights."""
    from django.conf import settings

    from memories import ranking

    legs, shares = (
        (ranking.SEMANTIC_PARTS, ranking.KEYWORD_PARTS),
        (
            settings.SEARCH_SEMANTIC_WEIGHT,
            settings.SEARCH_KEYWORD_WEIGHT,
        ),
    )
    ranking.SEMANTIC_PARTS, ranking.KEYWORD_PARTS = (
        {part: 0.0 if part in variant.without else weight for part, weight in leg.items()} for leg in legs
    )
    if variant.semantic is not None:
        settings.SEARCH_SEMANTIC_WEIGHT, settings.SEARCH_KEYWORD_WEIGHT = variant.semantic, 1 - variant.semantic
    try:
        yield
    finally:
        ranking.SEMANTIC_PARTS, ranking.KEYWORD_PARTS = legs
        settings.SEARCH_SEMANTIC_WEIGHT, settings.SEARCH_KEYWORD_WEIGHT = shares


def measure(files: list[Path], unit: str, variants: Sequence[Variant]) -> Iterator[dict[str, Any]]:
    """One unit over all files: saved and embedded once, asked once for each variant."""
    from memories.models import EmbeddingSpace, PassageVector

    conversations = [json.loads(file.read_text()) for file in files]
    started = time.perf_counter()
    saved = [
        save_conversation(data, f"{file.stem}-{unit}", unit) for file, data in zip(files, conversations, strict=True)
    ]
    save_seconds = time.perf_counter() - started
    started = time.perf_counter()
    embed_everything()
    embed_seconds = time.perf_counter() - started
    about = {
        "files": len(files),
        "memories": sum(len(evidence) for _, evidence in saved),
        "vectors": PassageVector.objects.filter(project_id__in=[project_id for project_id, _ in saved]).count(),
        "save_seconds": round(save_seconds, 1),
        "embed_seconds": round(embed_seconds, 1),
        "embedder": str(EmbeddingSpace.objects.answering()),
        "machine": machine(),
    }
    for variant in variants:
        with ranked_as(variant):
            yield {
                "benchmark": "locomo",
                "unit": unit,
                "ranking": variant.name,
                **asked(saved, conversations, variant.together),
                **about,
            }


def asked(
    saved: list[tuple[int, dict[Any, set[str]]]], conversations: list[dict[str, Any]], together: bool
) -> dict[str, Any]:
    """Every question once: the share found among the first k, and the time that a search took."""
    ranks: list[int | None] = []
    seconds: list[float] = []
    for (project_id, evidence), data in zip(saved, conversations, strict=True):
        known = set().union(*evidence.values())
        for question in data["qa"]:
            wanted = turns_named(question) & known
            if wanted:
                rank, taken = ask(question["question"], None if together else project_id, evidence, wanted)
                ranks.append(rank)
                seconds.append(taken)
    return {
        "questions": len(ranks),
        **{
            f"recall_at_{k}": round(sum(rank is not None and rank <= k for rank in ranks) / len(ranks), 4)
            for k in (1, 5, 10)
        },
        "mrr": round(sum(1 / rank for rank in ranks if rank) / len(ranks), 4),
        "search_p50_ms": round(percentile(seconds, 0.5) * 1000, 1),
        "search_p95_ms": round(percentile(seconds, 0.95) * 1000, 1),
    }


def save_conversation(data: dict[str, Any], name: str, unit: str) -> tuple[int, dict[Any, set[str]]]:
    """Save one conversation as a project; answers its key and the turns that each memory holds."""
    from access.callers import system_caller
    from access.models import Project
    from memories.saving import save_memory

    caller, project = system_caller("benchmark"), Project.objects.create(name=name)
    evidence: dict[Any, set[str]] = {}
    for number in sorted(int(found[1]) for key in data if (found := SESSION.fullmatch(key))):
        session = f"session_{number}"
        moment = datetime.strptime(data[f"{session}_date_time"], "%I:%M %p on %d %B, %Y").replace(tzinfo=UTC)
        turns, step = data[session], TURNS_A_MEMORY[unit]
        for start in range(0, len(turns), step):
            chosen = turns[start : start + step]
            title = f"Session {number}, " + place_in_session(start + 1, len(chosen))
            saved = save_memory(
                caller,
                project,
                "conversation",
                title,
                content_md=" ".join(map(spoken, chosen)),
                source_file=session,
                occurred_at=moment,
            )
            evidence[saved.memory.pk] = {turn["dia_id"] for turn in chosen}
    return project.pk, evidence


def place_in_session(first: int, count: int) -> str:
    """Which turns a memory holds, in words."""
    return f"turn {first}" if count == 1 else f"turns {first}-{first + count - 1}"


def turns_named(question: dict[str, Any]) -> set[str]:
    """The turns of the evidence; some entries of the data set hold several in one string."""
    return {turn for entry in question.get("evidence") or () for turn in re.split(r"[;,\s]+", entry) if turn}


def spoken(turn: dict[str, Any]) -> str:
    """One turn as text."""
    caption = turn.get("blip_caption")
    return f"{turn['speaker']}: {turn['text']}" + (f" [shares {caption}]" if caption else "")


def embed_everything() -> None:
    """What the worker does, until nothing waits."""
    from memories.embedding.working import embed_pending_of
    from memories.models import EmbeddingSpace

    space = EmbeddingSpace.objects.answering()
    assert space is not None
    embed_pending_of(space)


def ask(
    question: str, project_id: int | None, evidence: dict[Any, set[str]], wanted: set[str]
) -> tuple[int | None, float]:
    """The rank of the first memory that holds evidence (None beyond the limit), and the seconds the search took."""
    from access.callers import system_caller
    from memories.search import search

    caller = system_caller("benchmark")
    started = time.perf_counter()
    answer = search(
        caller, question, project_ids=None if project_id is None else [project_id], limit=LIMIT, max_tokens=100_000
    )
    taken = time.perf_counter() - started
    found = (place for place, result in enumerate(answer.results, 1) if evidence.get(result.memory.pk, set()) & wanted)
    return next(found, None), taken


if __name__ == "__main__":
    main()
