"""The customers of the order desk: one order every now and then, and a look at the front page.

python load.py 127.0.0.1:8801
"""

from __future__ import annotations

import http.client
import json
import random
import signal
import sys
import time

from desk import leave, say

ITEMS = (("mooring line 20 m", 6400), ("fender", 2150), ("shackle", 890), ("tide table", 1200), ("deck lamp", 4300))
CUSTOMERS = ("tug Wilhelmina", "pilot boat 3", "ferry Texel", "quay office", "barge Vrouwe Maria")


def order() -> dict[str, object]:
    """A small order."""
    lines = [{"item": item, "count": random.randint(1, 4), "cents": cents} for item, cents in random.sample(ITEMS, 2)]
    return {"customer": random.choice(CUSTOMERS), "lines": lines}


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: leave(0))
    say(f"load: ordering at {sys.argv[1]}")
    failing = False
    while True:
        time.sleep(random.uniform(0.3, 0.5))
        connection = http.client.HTTPConnection(sys.argv[1], timeout=4.0)
        try:
            connection.request("POST", "/orders", json.dumps(order()), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            good, why = answer.status == 201, f"status {answer.status}"
        except (OSError, http.client.HTTPException) as error:
            good, why = False, str(error) or type(error).__name__
        finally:
            connection.close()
        if good == failing:
            say("load: orders are taken again" if good else f"load: orders are refused: {why}")
        failing = not good


if __name__ == "__main__":
    main()
