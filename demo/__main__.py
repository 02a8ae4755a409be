"""`python -m demo`: the incident on real repositories in a temporary folder, which is gone afterwards."""

import signal
import sys
import tempfile
from pathlib import Path

from demo.screen import Screen
from demo.stage import CommandFailedError, Stage
from demo.story import Story


def main() -> int:
    """Play the story; return 0 if all its promises held, else 1 with a line that names the broken one."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the folder goes then, too
    screen = Screen()
    with tempfile.TemporaryDirectory(prefix="statehub-demo-") as folder:
        story = Story(Stage(Path(folder), screen), screen)
        try:
            story.play()
        except CommandFailedError as problem:
            story.broken.append(str(problem))
    if story.broken:
        print(f"\ndemo: this did not hold: {'; '.join(story.broken)}", file=sys.stderr)
        return 1
    screen.end("Everything held. Nothing is left behind.")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
