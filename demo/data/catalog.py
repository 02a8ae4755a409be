"""The work: repos, workplans and tasks as `catalog.md` lists them, and the people who work on them, by host."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SERVER, LAPTOP = "atlas", "kestrel"
"""The machines beside this one: a build server that follows closely, and a laptop that does not."""

_TEXT = Path(__file__).with_name("catalog.md")


@dataclass(frozen=True, slots=True)
class Person:
    """A person who works on tasks."""

    name: str

    @property
    def login(self) -> str:
        """Their name on every machine."""
        return self.name.split()[0].lower()

    @property
    def mail(self) -> str:
        """Host from which the commits come."""
        return f"{self.login}@example.org"


@dataclass(frozen=True, slots=True)
class Plan:
    """A workplan as it is meant: its title and its tasks' titles."""

    key: str
    title: str
    tasks: tuple[str, ...]

    @property
    def path(self) -> str:
        """Path of the workplan in the repo."""
        words = "".join(letter if letter.isalnum() else " " for letter in self.title.lower()).split()
        return f"workplans/{self.key}-{'-'.join(words)}.md"

    def task(self, number: int) -> str:
        """Return the id of the task with this place, from 0."""
        return f"{self.key}-T{number + 1:02}"


@dataclass(frozen=True, slots=True)
class Team:
    """A repo, who leads it, and its workplans."""

    slug: str
    owner: str
    lead: Person
    plans: tuple[Plan, ...]


def read_catalog() -> tuple[Team, ...]:
    """Return all teams, in the order of the file."""
    chapters = _TEXT.read_text(encoding="utf-8").removeprefix("# ").split("\n# ")
    return tuple(_team(chapter) for chapter in chapters)


def _team(chapter: str) -> Team:
    head, *sections = chapter.split("\n## ")
    slug, short, owner, lead = head.strip().split(" · ")
    plans = (_plan(f"{short}-WP-{number:04}", section) for number, section in enumerate(sections, 1))
    return Team(slug, owner, Person(lead), tuple(plans))


def _plan(key: str, section: str) -> Plan:
    title, *lines = section.strip().splitlines()
    return Plan(key, title, tuple(line.removeprefix("- ") for line in lines if line.startswith("- ")))
