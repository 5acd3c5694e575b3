"""How often Python's garbage collector looks around in a process that lives long."""

import gc

# New objects before a look at the newest, and how many such looks before one at the older and at the oldest. Python's own
# 700, 10, 10 suit a small program; a page makes thousands of objects, nearly all of which go without the collector.
THRESHOLDS = (10_000, 10, 10)


def collect_seldom() -> None:
    """Have the collector pass over all that is there now, which stays to the process' end, and come more seldom.

    Called once everything is loaded, and before a process parts into several: its pages stay shared then.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
