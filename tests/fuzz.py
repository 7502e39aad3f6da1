"""The properties of properties.py for as long as anybody likes: `make fuzz SECONDS=600`.

Other examples in every run. What failed is kept in .hypothesis, and the next run begins with it.
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections.abc import Sequence
from itertools import cycle

from hypothesis import HealthCheck, settings

from tests.properties import PROPERTIES, examine

EXAMPLES = 300
"""of one property before it is the next one's turn: a few seconds"""
SAY_EVERY = 10
"""seconds between two lines of progress"""


def main(words: Sequence[str] | None = None) -> int:
    """Try the properties in turn until the time is over. Returns 1 on the first example that one does not hold for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, metavar="N", help="how long (default %(default)s)")
    parser.add_argument("--only", choices=PROPERTIES, help="one property instead of all in turn")
    options = parser.parse_args(words)
    some = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    begin = said = time.monotonic()
    tried = 0
    for name in cycle([options.only] if options.only else PROPERTIES):
        try:
            examine(PROPERTIES[name], some)
        except Exception:
            # Hypothesis has made the example as small as it can; it stands at the end of this.
            traceback.print_exc(file=sys.stdout)
            print(f"fuzz: failed: {name}, after {tried:,} good examples; again: make fuzz", flush=True)
            return 1
        tried += EXAMPLES
        now = time.monotonic()
        if now - said >= SAY_EVERY or now - begin >= options.seconds:
            print(f"fuzz: {now - begin:.0f} of {options.seconds:.0f} s, {tried:,} examples, all hold", flush=True)
            said = now
        if now - begin >= options.seconds:
            return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
