"""The demo's output: headings, commands and their output, in colours on a terminal only."""

import re
import sys
from typing import TextIO

BOLD, DIM, RED, GREEN, CYAN = "1", "2", "31", "32", "36"

_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


def without_colours(text: str) -> str:
    """Return the text without its terminal escapes."""
    return _ESCAPES.sub("", text)


class Screen:
    """Output stream of the demo."""

    def __init__(self, stream: TextIO = sys.stdout) -> None:
        """Colour only if `stream` is a terminal."""
        self._stream = stream
        self.coloured = stream.isatty()
        self._step = 0

    def step(self, text: str) -> None:
        """Begin the next step, with a plain description."""
        self._step += 1
        self._write(f"\n{self._in(BOLD, f'{self._step}. {text}')}")

    def command(self, machine: str, typed: str) -> None:
        """Show a command as it is typed on a machine."""
        self._write(f"   {self._in(CYAN, f'{machine} $ {typed}')}")

    def output(self, text: str) -> None:
        """Show what a command printed, as it is."""
        for line in text.rstrip().splitlines():
            self._write(f"   {line}".rstrip())

    def note(self, text: str) -> None:
        """Show a line of our own."""
        self._write(f"   {self._in(DIM, text)}")

    def promise(self, text: str, kept: bool) -> None:
        """Show whether something that the demo promises has held."""
        self._write(f"   {self._in(GREEN, 'ok') if kept else self._in(RED, 'NOT SO')}  {text}")

    def end(self, text: str) -> None:
        """Show the last line."""
        self._write(f"\n{self._in(GREEN, text)}")

    def _in(self, colour: str, text: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self.coloured else text

    def _write(self, line: str) -> None:
        print(line, file=self._stream, flush=True)
