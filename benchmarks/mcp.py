"""Searches by MCP against searches by the webhook: what the protocol costs when many clients ask at once.

    .venv/bin/python -m benchmarks.mcp [--memories 5000] [--clients 50] [--searches 2000]

Starts a portal of its own by `./zikra up` on a free port and a fresh data directory, fills it through the webhook and
waits until everything is embedded. Then so many clients search at once, each by turns through `/webhook/zikra` and as the
tool `zikra_search` through `/mcp`, with the same options and no question twice, so that both doors meet the same load. All
traffic stays on the loopback interface and ends by itself. Measure on a machine that does nothing else: what others take
weighs on the difference, too. Prints one JSON line; fails when the 95th percentile by MCP
lies more than 10 ms above the webhook's.
"""

import argparse
import itertools
import json
import sys
import threading
import time
from typing import Any

from benchmarks.machine import machine
from benchmarks.webhook import (
    Connection,
    Portal,
    memory,
    ms,
    questions,
    request_head,
    running_portal,
    save_body,
    timed,
    wait_until_embedded,
)

REVISION = "2026-07-28"
FLOOR_MS = 10.0
META = {
    "io.modelcontextprotocol/protocolVersion": REVISION,
    "io.modelcontextprotocol/clientInfo": {"name": "benchmark", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
HEADERS = {"Mcp_Protocol_Version": REVISION, "Mcp_Method": "tools/call", "Mcp_Name": "zikra_search"}
SAVING_CLIENTS = 8


def main() -> None:
    """Run it and print one JSON line; the exit status tells whether the floor was held."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--memories", type=int, default=5_000)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--searches", type=int, default=2_000, help="by each door")
    options = parser.parse_args()
    with running_portal() as portal:
        figures = measure(portal, options.memories, options.clients, options.searches)
    print(json.dumps(figures))
    if figures["mcp_p95_above_webhook_ms"] > FLOOR_MS:
        sys.exit(
            f"By MCP a search takes {figures['mcp_p95_above_webhook_ms']} ms longer at the 95th percentile; {FLOOR_MS} is allowed."
        )


def measure(portal: Portal, memories: int, clients: int, searches: int) -> dict[str, Any]:
    """Fill, embed, search by both doors; answers the figures."""
    timed(portal, SAVING_CLIENTS, [save_body(*memory(number)) for number in range(memories)])
    wait_until_embedded(portal)
    asked = list(questions(2 * searches + 2 * clients))
    by_turns(portal, clients, asked[: 2 * clients])
    webhook, mcp = by_turns(portal, clients, asked[2 * clients :])
    return {
        "benchmark": "mcp",
        "memories": memories,
        "clients": clients,
        "searches_by_each_door": len(mcp),
        "webhook_p50_ms": ms(webhook, 0.5),
        "webhook_p95_ms": ms(webhook, 0.95),
        "mcp_p50_ms": ms(mcp, 0.5),
        "mcp_p95_ms": ms(mcp, 0.95),
        "mcp_p95_above_webhook_ms": round(ms(mcp, 0.95) - ms(webhook, 0.95), 1),
        "machine": machine(),
    }


def by_turns(portal: Portal, clients: int, asked: list[bytes]) -> tuple[list[float], list[float]]:
    """Seconds of each search through the webhook and of each by MCP; each answer must hold results."""
    queue, lock = iter(asked), threading.Lock()
    seconds: tuple[list[float], list[float]] = ([], [])
    failures: list[str] = []
    heads = [request_head(portal), request_head(portal, "/mcp", **HEADERS)]

    def client(number: int) -> None:
        connection = Connection(portal)
        # Half of the clients begin at the one door, half at the other.
        for door in itertools.cycle([number % 2, 1 - number % 2]):
            with lock:
                question = next(queue, None)
            if question is None or failures:
                break
            sent = tool_call(question) if door else question
            began = time.perf_counter()
            status, text = connection.post(sent, heads[door])
            seconds[door].append(time.perf_counter() - began)
            if status != 200 or b'"results":' not in text:
                failures.append(f"{status} {text[:200]!r}")
        connection.close()

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        sys.exit(f"The portal refused: {failures[0]}")
    return seconds


def tool_call(question: bytes) -> bytes:
    """A webhook's search as a call of the tool."""
    arguments = json.loads(question)
    del arguments["command"]
    params = {"name": "zikra_search", "arguments": arguments, "_meta": META}
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).encode()


if __name__ == "__main__":
    main()
