"""Which row belongs to which block: by UUID first, then by id (design, C-17). One rule for both levels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar


class HasIdentity(Protocol):
    """A hub row: a workstream or a task."""

    @property
    def id(self) -> str:
        """Its UUID."""

    @property
    def key(self) -> str:
        """The id that people write."""


R = TypeVar("R", bound=HasIdentity)


@dataclass(slots=True)  # Not frozen: a run makes thousands, and frozen ones take four times as long to make.
class Candidate:
    """What a file says of itself or of one block: the id a person wrote, and the UUID if there is one."""

    key: str
    uuid: str | None


@dataclass(frozen=True, slots=True)
class UuidConflict(Generic[R]):
    """The claim's UUID is somebody else's: that of *owner*, or of another new claim (None)."""

    owner: R | None


def match(
    claims: Sequence[Candidate], by_uuid: Mapping[str, R], by_key: Callable[[Candidate], R | None]
) -> list[R | UuidConflict[R] | None]:
    """For each of *claims* its row, None where it is new, or Stolen where its UUID belongs elsewhere.

    Keys are unique among *claims*. A row with the UUID is taken even under another id (a rename), unless that
    id has a row of its own or somebody else claims the row under its own id: then the UUID was copied.
    """
    found: list[R | UuidConflict[R] | None] = [_candidate(claim, by_uuid, by_key) for claim in claims]
    rivals: dict[Hashable, list[int]] = defaultdict(list)
    for index, (claim, row) in enumerate(zip(claims, found, strict=True)):
        if isinstance(row, UuidConflict):
            continue
        if row is not None:
            rivals[row.id].append(index)
        elif claim.uuid:
            rivals[claim.uuid].append(index)
    for indexes in rivals.values():
        if len(indexes) > 1:
            for index in indexes:
                row = found[index]
                if row is None or (not isinstance(row, UuidConflict) and row.key != claims[index].key):
                    found[index] = UuidConflict(row)
    return found


def _candidate(
    claim: Candidate, by_uuid: Mapping[str, R], by_key: Callable[[Candidate], R | None]
) -> R | UuidConflict[R] | None:
    named = by_key(claim)
    owner = by_uuid.get(claim.uuid) if claim.uuid else None
    if owner is None or owner.key == claim.key:
        return owner or named
    return UuidConflict(owner) if named is not None else owner
