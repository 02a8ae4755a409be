"""Moves a share of the tasks ahead in the rival's table.

`python -m bench.rival_ahead SHARE` prints how many tasks that were.
"""

import os
import sys

from bench.rival import BATCH_ROWS, configure, define_models
from bench.spread import spread


def main(share: float) -> int:
    """Advance the same tasks as `bench.hub_ahead`; return their number."""
    configure(os.environ["DATABASE_URL"])
    _, task_model = define_models()
    tasks = list(task_model.objects.order_by("key"))
    moves = spread([task.status for task in tasks], share)
    for place, status in moves:
        tasks[place].status = status
    task_model.objects.bulk_update([tasks[place] for place, _ in moves], ["status"], batch_size=BATCH_ROWS)
    return len(moves)


if __name__ == "__main__":
    print(main(float(sys.argv[1])))
