"""Messages of broken promises."""

from __future__ import annotations


class BrokenPromiseError(AssertionError):
    """A promise that did not hold."""


def promise(kept: object, *words: object) -> None:
    """Raise Broken, with *words*, if it was not *kept*."""
    if not kept:
        raise BrokenPromiseError(" ".join(map(str, words)))
