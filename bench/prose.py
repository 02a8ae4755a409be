"""Text between the task blocks of a generated workplan: prose, lists, quotes, and fences that are not tasks."""

from collections.abc import Callable, Mapping
from random import Random

Pieces = Mapping[Callable[[Random], list[str]], int]

SUBJECTS = ("The sender", "Each node", "The importer", "A nightly job", "The gateway", "Der Prüfstand", "The report")
VERBS = ("keeps", "drops", "compares", "retries", "signs", "counts", "mirrors", "verlängert")
OBJECTS = ("the last batch", "every reading", "stale records", "a day of data", "the queue", "a façade")
CLAUSES = ("until the gate is green", "— never twice", "when no one listens", "after two quiet weeks", "as before")
TITLE_VERBS = ("Choose", "Measure", "Retire", "Write", "Split", "Guard", "Move", "Prove")
TITLE_OBJECTS = ("the wire format", "a slow query", "the nightly upload", "old credentials", "the retry loop", "Größen")


def title(rng: Random) -> str:
    """Return a short heading's text."""
    return f"{rng.choice(TITLE_VERBS)} {rng.choice(TITLE_OBJECTS)}"


def sentence(rng: Random) -> str:
    """Return one sentence, some with characters of more than one byte."""
    return f"{rng.choice(SUBJECTS)} {rng.choice(VERBS)} {rng.choice(OBJECTS)} {rng.choice(CLAUSES)}."


def piece(rng: Random, pieces: Pieces) -> list[str]:
    """Return the lines of one of the `pieces`, drawn by its weight; none holds a task block, whatever it looks like."""
    return rng.choices(list(pieces), weights=list(pieces.values()))[0](rng)


def paragraph(rng: Random) -> list[str]:
    """Return two sentences of running text."""
    return [sentence(rng), f"{sentence(rng)} See `docs/{rng.randrange(90)}.md`."]


def bullets(rng: Random) -> list[str]:
    """Return a list of three points."""
    return [f"- {sentence(rng)}" for _ in range(3)]


def quote(rng: Random) -> list[str]:
    """Return a block quote."""
    return [f"> {sentence(rng)}", ">", f"> {sentence(rng)}"]


def python_fence(rng: Random) -> list[str]:
    """Return Python code, with a dictionary that looks like a task."""
    return ["```python", f'task = {{"id": "X-{rng.randrange(99)}", "status": "todo"}}', "assert task", "```"]


def shell_fence(rng: Random) -> list[str]:
    """Return a command, fenced by tildes."""
    return ["~~~bash", f"grep -c 'status: done' part-{rng.randrange(99)}.md", "~~~"]


def longer_fence(rng: Random) -> list[str]:
    """Return a fence of four backticks that shows how a task block looks: text, not a task."""
    return ["````markdown", *_task_lookalike(rng), "````"]


def quoted_task(rng: Random) -> list[str]:
    """Return how a task block begins, inside a block quote: text, not a task."""
    return ["> ```task", f"> {sentence(rng)}", "> ```"]


def commented_task(rng: Random) -> list[str]:
    """Return a task block inside an HTML comment: text, not a task."""
    return ["<!--", *_task_lookalike(rng), "-->"]


def _task_lookalike(rng: Random) -> list[str]:
    return ["```task", f"id: SAMPLE-{rng.randrange(99)}", "status: done", "```"]


PLAIN: Pieces = {paragraph: 85, python_fence: 15}
VARIED: Pieces = {
    paragraph: 30,
    bullets: 20,
    quote: 10,
    python_fence: 14,
    shell_fence: 12,
    longer_fence: 6,
    quoted_task: 4,
    commented_task: 4,
}
