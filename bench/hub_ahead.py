"""Moves a share of the tasks ahead in the hub, as people would report them.

`python -m bench.hub_ahead SHARE` prints how many tasks that were.
"""

import os
import sys

import django

from bench.counted import SETTINGS
from bench.spread import spread


def main(share: float) -> int:
    """Advance the tasks one by one, through the same function as every report; return their number."""
    from django.db import transaction

    from statehub.models import Source, Task
    from statehub.transitions import Actor, advance

    tasks = list(Task.objects.order_by("workstream__key", "key"))
    moves = spread([task.status for task in tasks], share)
    origin = Actor(who="bench", source=Source.COMMAND, host="elsewhere")
    with transaction.atomic():
        for place, status in moves:
            advance(tasks[place], status, origin)
    return len(moves)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", SETTINGS)
    django.setup()
    print(main(float(sys.argv[1])))
