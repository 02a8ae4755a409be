"""Which tasks one side is ahead by: a share of all tasks, evenly spread, moved to every higher status in turn."""

from collections.abc import Sequence

AHEAD_SHARE = 0.01
TARGETS = ("in_progress", "blocked", "done", "cancelled")


def spread(statuses: Sequence[str], share: float = AHEAD_SHARE) -> list[tuple[int, str]]:
    """Return the places and new statuses of the tasks to move: the first `todo` of each window of 1/`share` tasks.

    At 20 tasks a workplan and one percent, every fifth workplan is touched, by one task.
    """
    window = round(1 / share)
    firsts = (_first_todo(statuses, start, window) for start in range(0, len(statuses), window))
    places = [place for place in firsts if place is not None]
    return [(place, TARGETS[n % len(TARGETS)]) for n, place in enumerate(places)]


def _first_todo(statuses: Sequence[str], start: int, window: int) -> int | None:
    stop = min(start + window, len(statuses))
    return next((place for place in range(start, stop) if statuses[place] == "todo"), None)
