"""What a record's page is made of: plain values, each with the template that shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from django.forms import Form
from django.utils.safestring import SafeString


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and values."""

    title: str
    rows: Sequence[tuple[str, SafeString | str]]
    template: ClassVar[str] = "web/admin/facts.html"


@dataclass(frozen=True, slots=True)
class Event:
    """One point of a timeline. *tone* colours its dot, *detail* is the smaller line below."""

    at: datetime | None
    title: SafeString | str
    detail: SafeString | str = ""
    tone: str = "plain"


@dataclass(frozen=True, slots=True)
class Timeline:
    """Events in their order; *note* says what was left out."""

    title: str
    events: Sequence[Event]
    note: SafeString | str = ""
    template: ClassVar[str] = "web/admin/timeline.html"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells; *empty* is said where there are none, *note* stands below."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[SafeString | str]]
    empty: str = "None."
    note: SafeString | str = ""
    template: ClassVar[str] = "web/admin/table.html"


@dataclass(frozen=True, slots=True)
class Diff:
    """The one line that a writeback changes."""

    title: str
    place: str
    old: str
    new: str
    note: str = ""
    template: ClassVar[str] = "web/admin/diff.html"


@dataclass(frozen=True, slots=True)
class Bar:
    """One part of a whole; *share* is in percent."""

    label: str
    value: str
    share: float
    tone: str = "plain"


@dataclass(frozen=True, slots=True)
class Bars:
    """Parts of a whole, drawn and told."""

    title: str
    bars: Sequence[Bar]
    template: ClassVar[str] = "web/admin/bars.html"


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence or two that matter."""

    title: str
    body: SafeString | str
    tone: str = "info"
    template: ClassVar[str] = "web/admin/note.html"


@dataclass(frozen=True, slots=True)
class MoveForm:
    """A form that moves a task's status; *reason* where one is asked for."""

    title: str
    action: str
    button: str
    choices: Sequence[str]
    reason: bool
    help: str
    template: ClassVar[str] = "web/admin/move_form.html"


@dataclass(frozen=True, slots=True)
class RunForm:
    """The buttons that run a checkout; *refusal* says why there are none."""

    title: str
    action: str
    refusal: str = ""
    template: ClassVar[str] = "web/admin/run_form.html"


@dataclass(frozen=True, slots=True)
class TokenForm:
    """The form that makes an API token, with what was typed and what is wrong with it."""

    title: str
    form: Form
    template: ClassVar[str] = "web/admin/token_form.html"


@dataclass(frozen=True, slots=True)
class PlaceForm:
    """The form that moves a checkout, with what was typed and what is wrong with it; *back* leaves it."""

    title: str
    form: Form
    back: str
    help: str
    template: ClassVar[str] = "web/admin/place_form.html"


@dataclass(frozen=True, slots=True)
class LinkForm:
    """A button that leads to a page with a form."""

    title: str
    action: str
    button: str
    help: str
    template: ClassVar[str] = "web/admin/link_form.html"


@dataclass(frozen=True, slots=True)
class ActionForm:
    """A button that leads to the page that asks about one row; *name* is the list's action."""

    title: str
    action: str
    name: str
    pk: int
    button: str
    help: str
    template: ClassVar[str] = "web/admin/action_form.html"


Section = (
    Facts | Timeline | Table | Diff | Bars | Note | MoveForm | RunForm | TokenForm | PlaceForm | LinkForm | ActionForm
)
