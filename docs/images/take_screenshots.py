"""Take the pictures of the docs, or of every page, from a portal with demo data.

    .venv/bin/python -m docs.images.take_screenshots                       starts a portal of its own, and ends it
    .venv/bin/python -m docs.images.take_screenshots --address http://127.0.0.1:7723 --password …
    .venv/bin/python -m docs.images.take_screenshots --all DIR             every page at both widths in both looks

Needs the test suite's packages and Chromium (CHROMIUM, else /usr/bin/chromium). Without --all it writes the docs' own
pictures beside this file.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
USERNAME = "demo-owner"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
SIZES = {1440: {"width": 1440, "height": 900}, 390: {"width": 390, "height": 844}}
LOOKS = ("light", "dark")
START_SECONDS = 120
# A picture in the docs is loaded by everybody who reads them.
MOST_BYTES = 250_000


@dataclass(frozen=True)
class Shot:
    """One picture: its file's name, the page's address, its width and look. link: then follow the first link that fits.

    scroll_to: a selector that is brought to the top first.
    """

    name: str
    address: str
    width: int = 1440
    look: str = "light"
    link: str = ""
    scroll_to: str = ""


REQUIREMENT = 'main a[href^="/requirements/"]:not([href$="/new/"])'
# Ids begin with the time, and so with a nought for centuries to come.
MEMORY = 'main a[href^="/memories/0"]'
# Narrowed so that what is shown has a story: a decision, a requirement that is done, a run of one that is in progress.
PAGES = (
    Shot("home", "/"),
    Shot("board", "/requirements/"),
    Shot("requirements-list", "/requirements/?view=list"),
    Shot("requirement", "/search/?q=Hold+the+price+while+a+customer+pays", link=REQUIREMENT, scroll_to="#chain"),
    Shot("requirement-new", "/requirements/new/?project=demo-shop"),
    Shot("memories", "/memories/?q=stock"),
    Shot("memory", "/memories/?q=Reserve+stock+when+payment+starts", link=MEMORY),
    Shot("memory-graph", "/memories/graph/?project=demo-shop"),
    Shot("prompts", "/prompts/"),
    Shot("hygiene", "/hygiene/"),
    Shot("runs", "/runs/"),
    Shot("run", "/runs/", link='#active a[href^="/runs/"], main a[href^="/runs/"]'),
    Shot("costs", "/costs/?group=model", scroll_to="#over-time"),
    Shot("search", "/search/?q=stock"),
    Shot("notifications", "/notifications/"),
    Shot("clients", "/clients/"),
    Shot("connect", "/connect/", scroll_to="#machines"),
    Shot("handoffs", "/handoffs/"),
    Shot("admin", "/admin/"),
)
IN_DOCS = {
    ("home", 1440, "light"),
    ("board", 1440, "light"),
    ("board", 390, "dark"),
    ("requirement", 1440, "light"),
    ("requirement-new", 1440, "dark"),
    ("memories", 1440, "light"),
    ("memory", 390, "light"),
    ("memory-graph", 1440, "dark"),
    ("runs", 1440, "light"),
    ("costs", 1440, "light"),
    ("hygiene", 1440, "light"),
}


def main() -> None:
    """Take them all, and complain of those that became too large."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--address", help="of a portal with demo data; without it one is started")
    parser.add_argument("--username", default=USERNAME)
    parser.add_argument("--password", help="as ./zikra demo printed it")
    parser.add_argument("--all", type=Path, metavar="DIR", help="take every page in all four ways into this directory")
    parser.add_argument("--only", action="append", metavar="NAME", help="take only pages of this name")
    options = parser.parse_args()
    if options.address and not options.password:
        parser.error("--address needs --password")
    pages = [shot for shot in PAGES if not options.only or shot.name in options.only]
    with _portal(options.address, options.password) as (address, password), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        large = [
            f"{file}: {file.stat().st_size} bytes"
            for width in SIZES
            for look in LOOKS
            for file in _round(browser, address, (options.username, password), pages, width, look, options.all)
            if options.all is None and file.stat().st_size > MOST_BYTES
        ]
        browser.close()
    if large:
        sys.exit(f"Larger than {MOST_BYTES} bytes: {'; '.join(large)}")


def _round(
    browser: Browser,
    address: str,
    login: tuple[str, str],
    pages: list[Shot],
    width: int,
    look: str,
    all_to: Path | None,
) -> Iterator[Path]:
    """All pictures of one width and look, as one logged-in reader."""
    wanted = [shot for shot in pages if all_to is not None or (shot.name, width, look) in IN_DOCS]
    if not wanted:
        return
    context = browser.new_context(base_url=address, viewport=SIZES[width], color_scheme=look, reduced_motion="reduce")  # type: ignore[arg-type]
    page = context.new_page()
    page.goto("/")
    page.get_by_label("Username or email").fill(login[0])
    page.get_by_label("Password").fill(login[1])
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/")
    for shot in wanted:
        if _open(page, shot):
            yield _take(page, shot, width, look, all_to)
    context.close()


def _open(page: Page, shot: Shot) -> bool:
    """Whether there is such a page."""
    answer = page.goto(shot.address)
    if answer is None or not answer.ok:
        sys.stderr.write(f"{shot.address} answered {answer.status if answer else 'nothing'}\n")
        return False
    if shot.link:
        target = page.locator(shot.link).first.get_attribute("href")
        page.goto(target or shot.address)
    page.wait_for_load_state("networkidle") if shot.name != "runs" else page.wait_for_timeout(500)
    if shot.scroll_to:
        page.locator(shot.scroll_to).first.evaluate("node => node.scrollIntoView({block: 'start'})")
    return True


def _take(page: Page, shot: Shot, width: int, look: str, all_to: Path | None) -> Path:
    name = shot.name if (width, look) == (1440, "light") else f"{shot.name}-{width}-{look}"
    file = (all_to or HERE) / f"{name}.png"
    file.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=file, full_page=all_to is not None)
    sys.stderr.write(f"{file.name}: {file.stat().st_size // 1000} kB\n")
    return file


@contextmanager
def _portal(address: str | None, password: str | None) -> Iterator[tuple[str, str]]:
    """The given portal; else one of its own with fresh demo data, ended afterwards."""
    if address:
        yield address.rstrip("/"), password or ""
        return
    with tempfile.TemporaryDirectory(prefix="zikra-pictures-") as directory:
        log = Path(directory) / "up.log"
        environment = {**os.environ, "ZIKRA_DATA_DIR": f"{directory}/data", "ZIKRA_ENV_FILE": os.devnull}
        command = [sys.executable, str(ROOT / "manage.py")]
        with log.open("w") as output:
            portal = subprocess.Popen(  # noqa: S603
                [*command, "up", "--port", "0"], env=environment, stdout=output, stderr=output
            )
        try:
            found = _ready(log, portal)
            filled = subprocess.run(  # noqa: S603
                [*command, "demo"], env=environment, capture_output=True, text=True, check=True
            )
            yield found, filled.stdout.splitlines()[-2]
        finally:
            portal.terminate()
            portal.wait(60)


def _ready(log: Path, portal: subprocess.Popen[bytes]) -> str:
    """The address that a starting portal prints once it answers."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and portal.poll() is None:
        found = re.search(r"^Ready: (\S+)", log.read_text(), re.MULTILINE)
        if found:
            return found[1]
        time.sleep(0.5)
    sys.exit(f"The portal did not start:\n{log.read_text()}")


if __name__ == "__main__":
    main()
