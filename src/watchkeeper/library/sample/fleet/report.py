"""A report of the back office: turnover by item. Somebody starts it by hand, and keeps it open to read it.

    python report.py --database data/shop.db

It locks the database, so that its sums fit together, and gives the lock back when the person is done. That was a
mistake: a report that is forgotten over the lunch break stops the counter.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter

from desk import connect


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--database", required=True)
    parser.add_argument("--open-for", type=float, default=4 * 3600.0, metavar="SECONDS", help="how long it is read")
    given = parser.parse_args()
    connection = connect(given.database, 10.0)
    connection.execute("begin exclusive")
    turnover: Counter[str] = Counter()
    for row in connection.execute("select lines from orders where state = 'confirmed'"):
        for line in json.loads(row["lines"]):
            turnover[line["item"]] += line["count"] * line["cents"]
    for item, cents in turnover.most_common():
        print(f"{item:30} {cents / 100:12.2f}")
    print("That is all. The report is open until you close it.")
    sys.stdout.flush()
    time.sleep(given.open_for)
    connection.execute("rollback")


if __name__ == "__main__":
    main()
