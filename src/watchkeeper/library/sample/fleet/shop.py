"""The web shop of the order desk: takes orders, says how they stand, and writes every request into a JSONL log.

    python shop.py etc/shop.env

It reads its settings once, at the start, and refuses to start with wrong ones (exit code 78).
"""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import sys
import threading
import time
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import stockroom
from desk import BadSettings, connect, leave, place_order, prepare, read_settings, say, transaction, whole_number
from exports import Exports, queue_sheet

KNOWN = {
    "SHOP_PORT", "DATABASE", "REQUEST_LOG", "REQUEST_LOG_BYTES", "ORDER_LIMIT", "CURRENCY", "STOCK", "EXPORT_FOLDER",
    "EXPORT_BYTES",
}  # fmt: skip
BODY_LIMIT = 65_536
KEEP_ORDERS = 2_000
TROUBLE_LASTS_S = 5.0
TRIAL_S = 0.6
ITEMS = ["mooring line 20 m", "fender", "shackle", "tide table", "deck lamp"]
ON_THE_TABLET = {"placed": "in the works", "confirmed": "ready"}
PAGE = """<!doctype html><title>Harbour order desk</title><h1>Harbour order desk</h1>
<p>{orders} orders, {waiting} waiting for their label. POST /orders places one.</p>"""


class Shop:
    """Settings, one writing connection behind a lock, and the request log."""

    def __init__(self, settings: dict[str, str], path: Path) -> None:
        self.port = whole_number(settings, "SHOP_PORT", path)
        self.limit = whole_number(settings, "ORDER_LIMIT", path)
        self.log_limit = whole_number(settings, "REQUEST_LOG_BYTES", path)
        if not re.fullmatch(r"[A-Z]{3}", settings["CURRENCY"]):
            raise BadSettings(f"{path}: CURRENCY={settings['CURRENCY']} is not a code of three letters such as EUR")
        self.currency = settings["CURRENCY"]
        self.log_path = Path(settings["REQUEST_LOG"])
        if not re.fullmatch(r"[\w.-]+:\d+", settings["STOCK"]):
            raise BadSettings(f"{path}: STOCK={settings['STOCK']} is not a host and a port such as 127.0.0.1:8805")
        self.stock = settings["STOCK"]
        self.exports = Exports(Path(settings["EXPORT_FOLDER"]), whole_number(settings, "EXPORT_BYTES", path))
        prepare(settings["DATABASE"])
        self.database = connect(settings["DATABASE"])
        self.trial = connect(settings["DATABASE"], TRIAL_S)
        self.lock = threading.Lock()
        self.trial_lock = threading.Lock()
        self.log_lock = threading.Lock()
        self.trouble: tuple[float, str] | None = None
        self.placed = 0

    def place(self, body: dict[str, object]) -> tuple[int, dict[str, object]]:
        """Place an order. (HTTP status, answer)."""
        lines = body.get("lines")
        if not isinstance(lines, list) or not lines or len(lines) > self.limit or not all(map(good_line, lines)):
            return 422, {"error": f"lines: 1 to {self.limit} lines with item, count (1-99) and cents are needed"}
        customer = str(body.get("customer") or "counter")[:80]
        try:
            order = self.take(customer, lines)
        except (OSError, sqlite3.Error) as error:
            why = str(error.strerror or error) if isinstance(error, OSError) else str(error)
            self.trouble = (time.time(), why)
            return 503, {"error": f"the order was not taken: {why}"}
        self.trouble = None
        return 201, {"order": order, "currency": self.currency}

    def take(self, customer: str, lines: list[dict[str, object]]) -> int:
        """Packing list, stock, order and job: all of them or none. Raises `OSError` or `sqlite3.Error`."""
        file = self.exports.packing_list(customer, lines)
        items = stockroom.of_order(lines)
        try:
            stockroom.ask(self.stock, {"take": items})
            try:
                with self.lock:
                    order = place_order(self.database, customer, lines, file=file)
                    self.placed += 1
                    if self.placed % 200 == 0:
                        self.forget_old()
            except sqlite3.Error:
                stockroom.ask(self.stock, {"give_back": items})
                raise
        except (OSError, sqlite3.Error):
            self.exports.remove(file)
            raise
        return order

    def export(self, body: dict[str, object]) -> tuple[int, dict[str, object]]:
        """A year's sheet for the office; with `send_in_s` a job sends it then. (HTTP status, answer)."""
        year, wait_s = body.get("year"), body.get("send_in_s")
        if not isinstance(year, int) or not 2000 <= year <= 2100 or not isinstance(wait_s, int | float | None):
            return 422, {"error": "an export needs a year, and may be sent later: send_in_s"}
        try:
            name = self.exports.sheet(year, ITEMS)
        except OSError as error:
            return 507, {"error": f"the sheet was not made: {error.strerror or error}"}
        if wait_s is not None:
            with self.lock:
                queue_sheet(self.database, name, time.time() + wait_s)
        return 201, {"export": name}

    def send_now(self, name: str) -> tuple[int, dict[str, object]]:
        """Do not wait with this sheet any longer."""
        with self.lock, transaction(self.database):
            update = "update job set due_at = null where file = ? and state = 'queued'"
            found = self.database.execute(update, (name,)).rowcount
        return (202, {"export": name}) if found else (404, {"error": f"no job waits to send {name}"})

    def export_state(self, name: str) -> tuple[int, dict[str, object]]:
        """How the job of a sheet stands."""
        with self.lock:
            row = self.database.execute("select state from job where file = ? order by id desc", (name,)).fetchone()
        return (200, {"export": name, "state": row["state"]}) if row else (404, {"error": f"no job names {name}"})

    def forget_old(self) -> None:
        """Keep the newest orders only; the sample would otherwise grow for ever."""
        with transaction(self.database):
            self.database.execute(
                "delete from orders where state = 'confirmed' and id <= (select max(id) from orders) - ?",
                (KEEP_ORDERS,),
            )
            self.database.execute(
                "delete from job where state = 'done' and id <= (select max(id) from job) - ?", (KEEP_ORDERS,)
            )

    def order(self, number: int) -> tuple[int, dict[str, object]]:
        """How one order stands."""
        with self.lock:
            row = self.database.execute("select id, state, total_cents from orders where id = ?", (number,)).fetchone()
        return (200, {"order": row["id"], "state": row["state"], "total_cents": row["total_cents"]}) if row else (
            404, {"error": f"there is no order {number}"}
        )  # fmt: skip

    def health(self) -> tuple[int, dict[str, object]]:
        """200 while orders can be taken: the last one was, and the database gives its write lock at once."""
        trouble = self.trouble
        if trouble and time.time() - trouble[0] < TROUBLE_LASTS_S:
            return 503, {"ok": False, "why": trouble[1]}
        try:
            with self.trial_lock, transaction(self.trial):
                self.trial.execute("select 1 from orders limit 1").fetchone()
        except sqlite3.Error as error:
            return 503, {"ok": False, "why": str(error)}
        return 200, {"ok": True, "placed": self.placed}

    def counts(self) -> tuple[int, dict[str, object]]:
        """How many orders stand how, for the tablet at the counter."""
        with self.lock:
            rows = self.database.execute("select state, count(*) as orders from orders group by state").fetchall()
        return 200, {ON_THE_TABLET[row["state"]]: row["orders"] for row in rows}

    def front(self) -> str:
        """The front page."""
        with self.lock:
            orders = self.database.execute("select count(*) from orders").fetchone()[0]
            waiting = self.database.execute("select count(*) from job where state = 'queued'").fetchone()[0]
        return PAGE.format(orders=orders, waiting=waiting)

    def note(self, record: dict[str, object]) -> None:
        """One request into the log, which is turned over when full (one old one is kept). Never fails a request."""
        try:
            with self.log_lock, self.log_path.open("a", encoding="utf-8") as log:
                log.write(json.dumps(record, separators=(",", ":")) + "\n")
                if log.tell() > self.log_limit:
                    os.replace(self.log_path, self.log_path.with_suffix(".jsonl.1"))
        except OSError as error:
            say(f"the request log cannot be written: {error}")


def good_line(line: object) -> bool:
    """Whether one line of an order can be counted."""
    return (
        isinstance(line, dict)
        and isinstance(line.get("item"), str)
        and isinstance(line.get("count"), int)
        and 1 <= line["count"] <= 99
        and isinstance(line.get("cents"), int)
    )


class Handler(BaseHTTPRequestHandler):
    """Routes of the shop."""

    protocol_version = "HTTP/1.1"
    timeout = 20
    shop: Shop

    def do_GET(self) -> None:
        began = time.perf_counter()
        number = re.fullmatch(r"/orders/(\d{1,15})", self.path)
        export = re.fullmatch(r"/exports/([a-z0-9.-]{1,60})", self.path)
        try:
            if self.path == "/health":
                self.answer(began, *self.shop.health())
            elif self.path == "/orders":
                self.answer(began, *self.shop.counts())
            elif self.path == "/":
                self.answer(began, 200, self.shop.front())
            elif number:
                self.answer(began, *self.shop.order(int(number.group(1))))
            elif export:
                self.answer(began, *self.shop.export_state(export.group(1)))
            else:
                self.answer(began, 404, {"error": "no such page"})
        except sqlite3.Error as error:
            self.answer(began, 503, {"error": str(error)})
        except Exception as error:  # a mistake of ours; the shop goes on
            say(f"shop: GET {self.path} failed: {traceback.format_exc(limit=-1).strip()}")
            self.answer(began, 500, {"error": f"a mistake of the shop: {type(error).__name__}"})

    def do_POST(self) -> None:
        began = time.perf_counter()
        length = self.headers.get("Content-Length", "")
        send = re.fullmatch(r"/exports/([a-z0-9.-]{1,60})/send", self.path)
        known = send or self.path in ("/orders", "/exports")
        if not known or not length.isdigit() or int(length) > BODY_LIMIT:
            self.close_connection = True
            self.answer(began, 413 if known else 404, {"error": "POST /orders with a small JSON body"})
            return
        try:
            body = json.loads(self.rfile.read(int(length)))
        except ValueError:
            body = None
        if not isinstance(body, dict):
            self.answer(began, 400, {"error": "the body is not a JSON object"})
            return
        try:
            if self.path == "/orders":
                self.answer(began, *self.shop.place(body))
            else:
                self.answer(began, *(self.shop.send_now(send.group(1)) if send else self.shop.export(body)))
        except sqlite3.Error as error:
            self.answer(began, 503, {"error": str(error)})

    def answer(self, began: float, status: int, content: dict[str, object] | str) -> None:
        text = content if isinstance(content, str) else json.dumps(content)
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8" if isinstance(content, str) else "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        took_ms = round((time.perf_counter() - began) * 1000, 2)
        self.shop.note(
            {"at": round(time.time(), 3), "method": self.command, "path": self.path, "status": status, "ms": took_ms}
        )

    def log_message(self, format: str, *arguments: object) -> None:
        """Requests go to the JSONL log only."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news."""


def main() -> None:
    path = Path(sys.argv[1])
    try:
        shop = Shop(read_settings(path, KNOWN), path)
    except (BadSettings, OSError, sqlite3.Error) as error:
        say(f"shop: not started: {error}")
        sys.exit(78)
    Handler.shop = shop
    server = Server(("127.0.0.1", shop.port), Handler)
    signal.signal(signal.SIGTERM, lambda *_: leave(0))
    say(f"shop: open on port {shop.port}, at most {shop.limit} lines per order, {shop.currency}")
    server.serve_forever()


if __name__ == "__main__":
    main()
