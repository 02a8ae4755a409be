"""`python -m demo.fleet`: a forge, a hub and two workers in a temporary folder, which is gone afterwards."""

import signal
import sys
import tempfile
from pathlib import Path

from demo.fleet.company import Company, open_company
from demo.fleet.story import Story
from demo.screen import Screen
from demo.stage import CommandFailedError
from testing import environment
from testing.postgres import UnavailableError
from testing.server import StartError


def main() -> int:
    """Play the story; return 0 if all its promises held, 1 if one did not, 2 if it could not be played."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that servers, workers and the folder go then, too
    screen = Screen()
    with tempfile.TemporaryDirectory(prefix="statehub-demo-fleet-") as name:
        environment.pin(Path(name), host="hub-1")
        try:
            with open_company(Path(name), screen) as company:
                broken = _play(company, screen)
        except (UnavailableError, StartError) as problem:
            print(f"demo: {problem}", file=sys.stderr)
            return 2
    if broken:
        print(f"\ndemo: this did not hold: {'; '.join(broken)}", file=sys.stderr)
        return 1
    screen.end("Everything held. Nothing is left behind.")
    return 0


def _play(company: Company, screen: Screen) -> list[str]:
    """Play the story and return what did not hold."""
    story = Story(company, screen)
    try:
        story.play()
    except (CommandFailedError, AssertionError) as problem:
        story.broken.append(str(problem))
    return story.broken


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
