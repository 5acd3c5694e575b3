"""The webhook under load: saves a second, searches a second and their percentiles, embedding in the background.

    .venv/bin/python -m benchmarks.webhook [--memories 10000] [--clients 8] [--searches 600]

Starts a portal of its own by `./zikra up` on a free port and a fresh data directory, fills it through the webhook with
CLIENTS clients, waits until everything is embedded, and measures searches with one client, with CLIENTS clients, and
with CLIENTS clients while half of them save. The embedder's bare batch rate is measured in the same run on texts that
the portal embeds, before it is filled and right after it has embedded them; the share is that of their mean. All traffic stays on the loopback interface and ends by itself. Prints one JSON line.
"""

import argparse
import json
import os
import random
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.machine import machine, percentile
from memories.embedding.providers import PASSAGES_A_TURN

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 120
POLL_SECONDS = 2
SUBJECTS = "payments login search invoices webhook scheduler cache importer mailer dashboard exporter billing".split()
DEEDS = "retries rejects batches logs encrypts caches drops validates throttles mirrors signs compresses".split()
THINGS = "requests tokens rows sessions uploads messages reports migrations passwords addresses prices queries".split()
REASONS = "the provider drops connections|users waited too long|the audit asked for it|memory ran out|the old format changed|two teams disagreed|a deadline was near|the queue grew".split(
    "|"
)
OPENINGS = "why does|since when does|what if the|how often does|who noticed that".split("|")
ENDINGS = "at night|for new users|still|twice|during deadlines".split("|")
PEOPLE = "Ana Ben Chloe Dev Emre Fay Goran Hana Ines Jun".split()


@dataclass(frozen=True)
class Portal:
    """A running portal: where it is and the owner's token."""

    host: str
    port: int
    token: str
    process: subprocess.Popen[str]
    data: Path


def main() -> None:
    """Run it all and print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--memories", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--searches", type=int, default=600, help="of each kind of search run")
    options = parser.parse_args()
    with running_portal() as portal:
        print(json.dumps(measure(portal, options.memories, options.clients, options.searches)))


def measure(portal: Portal, memories: int, clients: int, searches: int) -> dict[str, Any]:
    """Fill, embed, search; answers the figures."""
    texts = [memory(number) for number in range(memories)]
    bare = [bare_embedding_rate(texts[:1_000])]
    saves = timed(portal, clients, [save_body(*text) for text in texts])
    lag = embedding_state(portal)
    drained = wait_until_embedded(portal)
    # Once more after it: a machine that slows down under load, or whose hours differ, would else be taken for the portal.
    bare.append(bare_embedding_rate(texts[:1_000]))
    asked = list(questions(searches * 3))
    timed(portal, 1, asked[:20])
    alone = timed(portal, 1, asked[:searches])
    together = timed(portal, clients, asked[searches : searches * 2])
    mixed = under_load(portal, clients, asked[searches * 2 :])
    return {
        "benchmark": "webhook",
        "memories": memories,
        "clients": clients,
        "saves_per_second": round(saves.rate, 1),
        "save_p50_ms": ms(saves.seconds, 0.5),
        "save_p99_ms": ms(saves.seconds, 0.99),
        "waiting_after_saves": lag["waiting"],
        "embedding_lag_after_saves_s": lag["lag"],
        "embedded_passages_per_second": round(drained, 1),
        "bare_passages_per_second": [round(rate, 1) for rate in bare],
        "embedding_share_of_bare": round(drained / statistics.mean(bare), 2),
        "search_1_client_p50_ms": ms(alone.seconds, 0.5),
        "search_1_client_p95_ms": ms(alone.seconds, 0.95),
        "search_1_client_p99_ms": ms(alone.seconds, 0.99),
        f"search_{clients}_clients_per_second": round(together.rate, 1),
        f"search_{clients}_clients_p50_ms": ms(together.seconds, 0.5),
        f"search_{clients}_clients_p95_ms": ms(together.seconds, 0.95),
        "search_beside_saves_p50_ms": ms(mixed.seconds, 0.5),
        "search_beside_saves_p95_ms": ms(mixed.seconds, 0.95),
        "web_process_mb": web_process_megabytes(portal),
        "machine": machine(),
    }


# --- texts -----------------------------------------------------------------------------------------------------------


def memory(number: int) -> tuple[str, str]:
    """A title and a text of about 20 words, different for each number."""
    draw = random.Random(number)
    subject, deed, thing = draw.choice(SUBJECTS), draw.choice(DEEDS), draw.choice(THINGS)
    text = (
        f"The {subject} service {deed} {thing} because {draw.choice(REASONS)}; {draw.choice(PEOPLE)} measured "
        f"{draw.randint(2, 900)} a minute in ticket T-{number}."
    )
    return f"{subject} {deed} {thing} ({number})", text


def questions(count: int) -> Iterator[bytes]:
    """Questions of 6 to 9 words, no two alike, so that nothing could answer from a cache."""
    asked = [
        f"{start} {subject} {deed} {thing} {end}"
        for start, end in zip(OPENINGS, ENDINGS, strict=True)
        for subject in SUBJECTS
        for deed in DEEDS
        for thing in THINGS
    ]
    random.Random(7723).shuffle(asked)
    if count > len(asked):
        sys.exit(f"There are {len(asked)} different questions; {count} are asked for.")
    yield from (body("search", query=question) for question in asked[:count])


def save_body(title: str, text: str) -> bytes:
    """The body of one save."""
    return body("save_memory", project="benchmark", memory_type="decision", title=title, content_md=text)


def body(command: str, **arguments: Any) -> bytes:
    """A command as JSON."""
    return json.dumps({"command": command, **arguments}).encode()


# --- load ------------------------------------------------------------------------------------------------------------


class Connection:
    """One keep-alive connection that costs next to nothing: the load is made on the machine that is measured."""

    def __init__(self, portal: Portal) -> None:
        self._socket = socket.create_connection((portal.host, portal.port), timeout=60)
        self._answers = self._socket.makefile("rb")
        self._head = request_head(portal)

    def post(self, sent: bytes, head: bytes = b"") -> tuple[int, bytes]:
        """The status and the body of one answer. head: a request's head for another door than the webhook."""
        self._socket.sendall((head or self._head) + str(len(sent)).encode() + b"\r\n\r\n" + sent)
        status, length = int(self._answers.readline().split()[1]), 0
        while (line := self._answers.readline()) not in (b"\r\n", b""):
            if line[:15].lower() == b"content-length:":
                length = int(line[15:])
        return status, self._answers.read(length)

    def close(self) -> None:
        """End the connection."""
        self._answers.close()
        self._socket.close()


def request_head(portal: Portal, path: str = "/webhook/zikra", **headers: str) -> bytes:
    """A request's head up to the length of its body. headers: more of them, with _ for -."""
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return (
        f"POST {path} HTTP/1.1\r\nHost: {portal.host}\r\nAuthorization: Bearer {portal.token}\r\n{more}"
        "Content-Type: application/json\r\nContent-Length: "
    ).encode()


@dataclass
class Load:
    """Seconds of each call, and of the whole."""

    seconds: list[float]
    whole: float

    @property
    def rate(self) -> float:
        """Calls a second."""
        return len(self.seconds) / self.whole


def timed(portal: Portal, clients: int, bodies: list[bytes], stop: threading.Event | None = None) -> Load:
    """Send the bodies with so many keep-alive clients; each answer must be a 200."""
    queue = iter(bodies)
    lock = threading.Lock()
    seconds: list[float] = []
    failures: list[str] = []

    def client() -> None:
        connection = Connection(portal)
        while not (stop and stop.is_set()):
            with lock:
                sent = next(queue, None)
            if sent is None:
                break
            began = time.perf_counter()
            status, text = connection.post(sent)
            seconds.append(time.perf_counter() - began)
            if status != 200:
                failures.append(f"{status} {text[:200]!r}")
                break
        connection.close()

    threads = [threading.Thread(target=client) for _ in range(clients)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        sys.exit(f"The portal refused: {failures[0]}")
    return Load(seconds, time.perf_counter() - began)


def under_load(portal: Portal, clients: int, asked: list[bytes]) -> Load:
    """Searches by half of the clients while the other half saves new memories."""
    stop = threading.Event()
    endless = [save_body(*memory(5_000_000 + number)) for number in range(20_000)]
    saver = threading.Thread(target=timed, args=(portal, max(1, clients // 2), endless, stop))
    saver.start()
    try:
        return timed(portal, max(1, clients // 2), asked)
    finally:
        stop.set()
        saver.join()


def ms(seconds: list[float], share: float) -> float:
    """A percentile in milliseconds."""
    return round(percentile(seconds, share) * 1000, 1)


# --- embedding -------------------------------------------------------------------------------------------------------


def bare_embedding_rate(texts: list[tuple[str, str]]) -> float:
    """Passages a second of the embedder alone, in a process of its own: a thread a core, each with a batch of passages
    at a time, as the worker gives them."""
    script = (
        "import json, os, sys, time\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from memories.chunking import passages\n"
        "from memories.embedding.providers import EmbeddedE5\n"
        "batches = [[p for title, text in part for p in passages(title, text)] for part in json.load(sys.stdin)]\n"
        "embedder = EmbeddedE5()\n"
        "embedder.embed_passages(batches[0])\n"
        "cores = ThreadPoolExecutor(os.cpu_count())\n"
        "began = time.perf_counter()\n"
        "list(cores.map(embedder.embed_passages, batches))\n"
        "print(sum(map(len, batches)) / (time.perf_counter() - began))\n"
    )
    parts = [texts[start : start + PASSAGES_A_TURN] for start in range(0, len(texts), PASSAGES_A_TURN)]
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=json.dumps(parts),
        text=True,
        capture_output=True,
        cwd=ROOT,
        check=True,
    )
    return float(done.stdout)


def embedding_state(portal: Portal) -> dict[str, float]:
    """Memories waiting, vectors stored, and the age of the oldest that waits, as the portal itself tells them."""
    done = subprocess.run(
        [sys.executable, "manage.py", "embedding_progress", "--json"],
        text=True, capture_output=True, cwd=ROOT, env={**os.environ, "ZIKRA_DATA_DIR": str(portal.data)}, check=True,
    )  # fmt: skip
    return json.loads(done.stdout.strip().splitlines()[-1])


def wait_until_embedded(portal: Portal) -> float:
    """Wait until nothing waits; answers passages a second while the portal did nothing else.

    One process asks all the time: starting one for each question would take from the cores what is to be measured. The
    rate is that between the first answer and the last one at which something still waited.
    """
    command = [sys.executable, "manage.py", "embedding_progress", "--json", "--every", str(POLL_SECONDS)]
    environment = {**os.environ, "ZIKRA_DATA_DIR": str(portal.data)}
    told: list[tuple[float, float]] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment) as asking:
        assert asking.stdout is not None
        for line in asking.stdout:
            if line.startswith("{") and (state := json.loads(line))["waiting"]:
                told.append((time.perf_counter(), state["vectors"]))
    if len(told) < 2:
        return 0.0
    (began, before), (ended, after) = told[0], told[-1]
    return (after - before) / (ended - began)


# --- the portal ------------------------------------------------------------------------------------------------------


@contextmanager
def running_portal() -> Iterator[Portal]:
    """A portal on a free port and a data directory of its own, stopped at the end."""
    with tempfile.TemporaryDirectory(prefix="zikra-bench-") as directory:
        data = Path(directory) / "data"
        environment = {**os.environ, "TOKEN_RATE_PER_MINUTE": "0", "ZIKRA_ENV_FILE": os.devnull}
        command = [str(ROOT / "zikra"), "up", "--data-dir", str(data), "--port", "0"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT)
        try:
            address = urlsplit(_ready_address(process))
            token = (data / "owner.token").read_text().strip()
            yield Portal(address.hostname or "127.0.0.1", address.port or 0, token, process, data)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def _ready_address(process: subprocess.Popen[str]) -> str:
    deadline = time.monotonic() + START_SECONDS
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.match(r"Ready: (\S+)", line):
            threading.Thread(target=_drain, args=(process.stdout.read,), daemon=True).start()
            return found[1]
        if time.monotonic() > deadline:
            break
    sys.exit("The portal did not start.")


def _drain(read: Callable[[], str]) -> None:
    read()


def web_process_megabytes(portal: Portal) -> list[int]:
    """Resident memory of each web process that answers requests, in MB, largest first."""
    import psutil

    web = [
        child
        for child in psutil.Process(portal.process.pid).children(recursive=True)
        if "gunicorn" in " ".join(child.cmdline())
    ]
    return sorted((round(process.memory_info().rss / 1024**2) for process in web), reverse=True)


if __name__ == "__main__":
    main()
