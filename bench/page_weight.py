"""What each page weighs as a browser gets it: bytes sent for the first visit and for every later one.

    python bench/page_weight.py [URL]

URL: a one-time link (`wk open`) of a watchkeeper that runs, for example `wk demo`. Without it a small one is started here.
Follows every link from the bridge to pages of this watchkeeper, one example of each kind of page, and asks for gzip.
first: the page with sheet, scripts and icon; later: the page alone, since the others are kept for ever (hashed names).
Goals: first <= 60,000 bytes, later <= 15,000 (<= 150,000 with 1,000 checks); sheet <= 9,000, scripts <= 25,000.
Exits with 1 when not.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from contextlib import ExitStack
from html import unescape
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

FIRST, LATER, SHEET, SCRIPTS = 60_000, 15_000, 9_000, 25_000
MOST = 400


def kind_of(place: str) -> str:
    """Pages that differ only in what they are about are of one kind."""
    path = urlsplit(place).path
    path = re.sub(r"/\d+(?=/|$)", "/N", path)
    path = re.sub(r"^/(services|hosts)/[^/]+", r"/\1/NAME", path)
    path = re.sub(r"/checks/[^/]+", "/checks/NAME", path)
    return re.sub(r"^/(runbooks|documents)/.+?(/plan|/run)?$", r"/\1/NAME\2", path)


class Weighing:
    """Asks, and keeps what each file of the pages weighs."""

    def __init__(self, url: str) -> None:
        from tests.journeys.test_web import Visitor

        link = urlsplit(url)
        self.visitor = Visitor(url)
        status, _, _ = self.visitor.ask("GET", f"{link.path}?{link.query}")
        if status != 303:
            raise SystemExit(f"the link was refused with {status}; make a new one: wk open")
        self.files: dict[str, int] = {}

    def ask(self, place: str) -> tuple[int, int, str]:
        """(status, bytes sent, text); text is "" for what is no page."""
        before = self.visitor.received
        try:
            status, headers, text = self.visitor.ask("GET", place)
        except UnicodeDecodeError:
            return 0, 0, ""
        is_page = status == 200 and headers.get("Content-Type", "").startswith("text/html") and "<html" in text[:200]
        return status, self.visitor.received - before, text if is_page else ""

    def file(self, place: str) -> int:
        """Bytes of one of our files."""
        if place not in self.files:
            self.files[place] = self.ask(place)[1]
        return self.files[place]


def weigh(url: str) -> bool:
    """Print a line for each kind of page; whether the goals are kept."""
    weighing = Weighing(url)
    to_see, seen, kept = ["/"], {"/"}, True
    rows = []
    while to_see and len(rows) < MOST:
        place = to_see.pop(0)
        _status, sent, text = weighing.ask(place)
        if not text:
            continue
        own = sorted(set(re.findall(r'(?:src|href)="(/static/[^"]+)"', text)))
        rows.append((kind_of(place), place, sent, sent + sum(weighing.file(each) for each in own)))
        for found in re.findall(r'<a [^>]*href="(/[^"#]*)', text):
            following = unescape(found)
            if kind_of(following) not in {kind_of(each) for each in seen} and not following.startswith("/static/"):
                seen.add(following)
                to_see.append(following)
    print(f"{'page':<44}{'later':>9}{'first':>9}")
    for kind, _place, later, first in rows:
        fine = later <= LATER and first <= FIRST
        kept = kept and fine
        print(f"{kind:<44}{later:>9,}{first:>9,}{'' if fine else '   OVER'}")
    sheet = sum(size for name, size in weighing.files.items() if name.endswith(".css"))
    scripts = sum(size for name, size in weighing.files.items() if name.endswith(".js"))
    print(f"sheet {sheet:,} (goal {SHEET:,}), all scripts of all pages {scripts:,} (goal {SCRIPTS:,})")
    return kept and sheet <= SHEET and scripts <= SCRIPTS


def main() -> int:
    """Weigh the pages of a running watchkeeper, or of one of our own."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("url", nargs="?")
    chosen = parser.parse_args()
    if chosen.url:
        return int(not weigh(chosen.url))
    from tests.house import House

    with ExitStack() as stack:
        house = House(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wk-weight-"))))
        for name in ("shop", "worker", "docs"):
            house.service(name, mode="propose")
        stack.callback(house.stop)
        house.start()
        house.until(house.all_ok, 30, "every check is OK")
        house.break_("shop")
        house.until(lambda: house.get("/status")["status"]["waiting"], 30, "its step waits")
        house.post("/log", type="Note", title="Something to read")
        return int(not weigh(str(house.post("/links")["link"]["url"])))


if __name__ == "__main__":
    sys.exit(main())
