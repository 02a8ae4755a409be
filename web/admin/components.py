"""The sections of a row's page: plain values, each with the template that shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from django.forms import Form
from django.utils.safestring import SafeString


@dataclass(frozen=True, slots=True)
class Facts:
    """A list of names with values."""

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
    """Events in the order shown; *note* says what was left out."""

    title: str
    events: Sequence[Event]
    note: SafeString | str = ""
    template: ClassVar[str] = "web/admin/timeline.html"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells; *empty* is shown if there are none, *note* below the table."""

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
    location: str
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
    """Parts of a whole, as bars and numbers."""

    title: str
    bars: Sequence[Bar]
    template: ClassVar[str] = "web/admin/bars.html"


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence or two in a box."""

    title: str
    body: SafeString | str
    tone: str = "info"
    template: ClassVar[str] = "web/admin/note.html"


@dataclass(frozen=True, slots=True)
class StatusForm:
    """A form that changes the status of a task; *reason* if it asks for one."""

    title: str
    action: str
    button: str
    choices: Sequence[str]
    reason: bool
    help: str
    template: ClassVar[str] = "web/admin/status_form.html"


@dataclass(frozen=True, slots=True)
class RunForm:
    """The buttons that run a checkout, or *refusal*: why it cannot be run from here."""

    title: str
    action: str
    refusal: str = ""
    template: ClassVar[str] = "web/admin/run_form.html"


@dataclass(frozen=True, slots=True)
class InputForm:
    """A form with the input so far and its errors; *back* is the URL to leave it."""

    title: str
    form: Form
    button: str
    help: str
    back: str = ""
    template: ClassVar[str] = "web/admin/input_form.html"


@dataclass(frozen=True, slots=True)
class ButtonForm:
    """A button that opens the page at *action*, or posts the hidden *fields* to it."""

    title: str
    action: str
    button: str
    help: str
    fields: Mapping[str, object] = field(default_factory=dict)
    template: ClassVar[str] = "web/admin/button_form.html"


Section = Facts | Timeline | Table | Diff | Bars | Note | StatusForm | RunForm | InputForm | ButtonForm
