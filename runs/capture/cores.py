"""How busy this machine is."""


def runnable_threads() -> int:
    """How many threads of this machine run or want to at this moment, the asking one among them; 0 where the system
    does not tell."""
    try:
        with open("/proc/loadavg") as figures:
            return int(figures.read().split()[3].partition("/")[0])
    except (OSError, ValueError, IndexError):
        return 0
