"""The client as one file: what `curl PORTAL/connect.py | python3 -` runs on a developer's machine."""

import hashlib
from functools import cache
from pathlib import Path

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from api.addresses import portal_address

SOURCES = Path(__file__).resolve().parent.parent / "zikra_client"
FENCE = "'''"
HEAD = '''\
#!/usr/bin/env python3
"""Connects coding agents on this machine to the Zikra portal at {server}.

Standard library only, Python 3.9 or newer. The files of the client follow as they are; the last lines run them.
  python3 connect.py --token TOKEN      connect the agents that are found here
  python3 connect.py --help             everything else
"""

SERVER = {server!r}
SOURCES = {{}}
'''
TAIL = '''
import importlib.machinery


class Sources:
    """Imports the client's modules from SOURCES, so that nothing lies on the disk before it is installed."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        """The module, when it is one of the client's."""
        package, _, module = name.partition(".")
        file = module + ".py" if module else "__init__.py"
        if package != "zikra_client" or file not in SOURCES:
            return None
        return importlib.machinery.ModuleSpec(name, Sources, is_package=not module)

    @staticmethod
    def create_module(spec):
        """The usual module."""

    @staticmethod
    def exec_module(module):
        """Run the module's source."""
        file = (module.__name__.partition(".")[2] or "__init__") + ".py"
        exec(compile(SOURCES[file], "zikra_client/" + file, "exec"), module.__dict__)


if __name__ == "__main__":
    import sys

    if sys.version_info < (3, 9):
        sys.exit("Python 3.9 or newer is needed; this is " + sys.version.split()[0])
    sys.meta_path.insert(0, Sources)
    from zikra_client.connecting import main

    sys.exit(main(sys.argv[1:], server=SERVER, sources=SOURCES))
'''


@cache
def client_sources() -> dict[str, str]:
    """The client's files by name. Raises ValueError for one that cannot stand in a raw text."""
    sources = {path.name: path.read_text(encoding="utf-8") for path in sorted(SOURCES.glob("*.py"))}
    for name, source in sources.items():
        if FENCE in source or not source.endswith("\n"):
            raise ValueError(f"zikra_client/{name} holds {FENCE} or does not end with a line's end")
    return sources


@cache
def client_file(server: str) -> bytes:
    """The whole file for a portal's address."""
    parts = [f"\nSOURCES[{name!r}] = r{FENCE}{source}{FENCE}\n" for name, source in client_sources().items()]
    return (HEAD.format(server=server) + "".join(parts) + TAIL).encode()


def client_digest(server: str) -> str:
    """The file's SHA-256 in hexadecimal digits."""
    return hashlib.sha256(client_file(server)).hexdigest()


@require_safe
@cache_control(no_cache=True)
def connect(request: HttpRequest) -> HttpResponse:
    """The client for this portal. Public: it holds no secret."""
    server = portal_address(request)
    answer = HttpResponse(client_file(server), content_type="text/x-python; charset=utf-8")
    answer.headers["ETag"] = f'"{client_digest(server)}"'
    return answer
