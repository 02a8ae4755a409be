"""Plays a script again, and makes the script of a broken promise as short as it goes."""

from __future__ import annotations

from collections.abc import Sequence

from tests.simulation.folder import Folder


def play(folder: Folder, lines: Sequence[str]) -> BaseException | None:
    """Play *lines* in a new world; what was broken, if anything."""
    with folder.world() as world:
        try:
            for line in lines:
                world.do(line)
        except Exception as error:  # noqa: BLE001 - whatever comes out is what is looked for
            return error
    return None


def shortened(folder: Folder, lines: Sequence[str]) -> list[str]:
    """Return the fewest of *lines*, in their order, with the same kind of failure; *lines* if they do not fail."""
    left, whole = list(lines), play(folder, lines)
    if whole is None:
        return left
    size = len(left) // 2
    while size:
        place = 0
        while place < len(left):
            fewer = left[:place] + left[place + size :]
            if _is_alike(play(folder, fewer), whole):
                left = fewer
            else:
                place += size
        size //= 2
    return left


def _is_alike(one: BaseException | None, other: BaseException) -> bool:
    return type(one) is type(other) and str(one)[:12] == str(other)[:12]
