"""The machines of a campaign: bare origins, hosts with clones that the hub knows, people with clones of their own."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from testing.hub import Hub
from testing.repos import Clone, Origin, make_origin
from testing.workplans import workplan

SLUGS = ("alpha", "beta")
WORKPLANS, TASKS = 3, 8
"""In each repo, and in each workplan."""

_BLOCK = re.compile(r"^id: (\S+-T\d\d)\nstatus: (\w+)$", re.MULTILINE)


@dataclass(frozen=True)
class Size:
    """How many work at once. `pause` is the longest time in seconds that a reporter waits before it calls again."""

    reporters: int
    hosts: int
    fixers: int
    """On each host."""
    people: int = 2
    pause: float = 1.0


POSTGRESQL = Size(reporters=50, hosts=4, fixers=2)
SQLITE = Size(reporters=4, hosts=2, fixers=1, pause=0.2)


@dataclass(frozen=True)
class Place:
    """A host, or a person's desk: a name, and a clone of each repo by its slug."""

    name: str
    clones: dict[str, Clone]


@dataclass(frozen=True)
class World:
    """All that is there when a campaign begins; every clone is level with its origin and the hub with them."""

    hub: Hub
    folder: Path
    size: Size
    origins: dict[str, Origin]
    hosts: tuple[Place, ...]
    people: tuple[Place, ...]
    tasks: tuple[str, ...] = field(default=())

    @property
    def clones(self) -> list[tuple[str, Clone]]:
        """Every clone there is, with its slug."""
        return [pair for place in (*self.hosts, *self.people) for pair in place.clones.items()]


def build(hub: Hub, folder: Path, size: Size) -> World:
    """Make origins, clones, workplans; register the hosts' clones and take them into the *hub*."""
    origins = {slug: make_origin(folder / f"{slug}.git") for slug in SLUGS}
    tasks = [task for slug, origin in origins.items() for task in _plan(origin, slug, folder / "first" / slug)]
    hosts = tuple(_place(f"host-{number}", folder, origins) for number in range(size.hosts))
    people = tuple(_place(f"person-{number}", folder, origins) for number in range(size.people))
    world = World(hub, folder, size, origins, hosts, people, tuple(tasks))
    for host in hosts:
        for clone in host.clones.values():
            manage(world, host, "register_repo", str(clone.path))
        manage(world, host, "fix_consistency", "--all")
    return world


def manage(world: World, host: Place, *arguments: str) -> None:
    """Run a command on *host*, which must go well."""
    ended = world.hub.manage(*arguments, env=environment(world, host, "setup"))
    if ended.exit:
        raise RuntimeError(f"{' '.join(arguments)} on {host.name} ended with {ended.exit}: {ended.stderr}")


def environment(world: World, host: Place, user: str) -> dict[str, str]:
    """Return the variables of a process of *host* and *user*."""
    return {"STATEHUB_HOST": host.name, "STATEHUB_USER": user, "STATEHUB_VAR": str(world.folder / host.name / "var")}


def statuses_in(clone: Clone) -> dict[str, str]:
    """Return task → status, from the files of *clone*."""
    texts = (path.read_text() for path in sorted((clone.path / "workplans").glob("*.md")))
    return {task: status for text in texts for task, status in _BLOCK.findall(text)}


def with_status(clone: Clone, task: str, status: str) -> None:
    """Set the status of *task* in its file."""
    path = clone.path / "workplans" / f"{task.rpartition('-')[0]}.md"
    path.write_text(re.sub(rf"(?m)^(id: {task}\nstatus: )\w+$", rf"\g<1>{status}", path.read_text()))


def _plan(origin: Origin, slug: str, folder: Path) -> list[str]:
    folder.parent.mkdir(exist_ok=True)
    clone = _clone(origin, folder)
    keys = [f"{slug.upper()}-WP-{number}" for number in range(WORKPLANS)]
    for key in keys:
        clone.write(f"workplans/{key}.md", workplan(key, [(f"T{number:02}", "todo") for number in range(TASKS)]))
    clone.commit("Plan")
    clone.push()
    return sorted(statuses_in(clone))


def _place(name: str, folder: Path, origins: dict[str, Origin]) -> Place:
    (folder / name).mkdir()
    clones = {slug: _clone(origin, folder / name / slug) for slug, origin in origins.items()}
    for clone in clones.values():
        clone.git("config", "user.name", name)
    return Place(name, clones)


def _clone(origin: Origin, path: Path) -> Clone:
    origin.git("clone", "--quiet", str(origin.path), str(path))
    return Clone(path)
