"""Cursor pagination: each page costs the same, and none skips or repeats a row while others are added or deleted."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from django.core.exceptions import FieldDoesNotExist
from django.db.models import F, Model, QuerySet
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan, TupleLessThan
from django.http import HttpRequest, HttpResponse
from django.utils.http import urlencode
from pydantic import AliasPath, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from web.api.problems import VALIDATION_ERROR, FieldError, ProblemError
from web.api.schemas import After, Limit

ModelRow = TypeVar("ModelRow", bound=Model)
Row = dict[str, Any]
"""The values of a row by column; those of a related row are a row of their own."""

Select = Callable[[Sequence[Row]], list[Row]]
"""Returns those rows that a list has, of rows whose columns alone do not say it."""

MIN_BATCH, MAX_SELECTED = 200, 2_000
"""Rows that a page gives to `Select` at once, and in all: if most are left out, the page is short, not slow."""


class ListQuery(BaseModel):
    """The parameters of every list; filters derive from it."""

    model_config = ConfigDict(extra="forbid")

    limit: Limit = Field(default=100, description="Rows of a page.")
    after: After | None = Field(default=None, description="Where the page begins; take it from a `Link` header.")


@dataclass(frozen=True)
class CursorPagination:
    """The order of a list: *fields*, unique together, with the types of their values."""

    fields: Mapping[str, Any]
    descending: bool = False

    def page(
        self, rows: QuerySet[Any, Row], wanted: ListQuery, select: Select | None = None
    ) -> tuple[list[Row], str | None]:
        """Return the rows of the page, in order, and the cursor of the next page or None. Raises ProblemError.

        With *select* the page may have fewer rows than the limit, and still a next page.
        """
        after = None if wanted.after is None else self._decode_cursor(wanted.after)
        if select is None:
            page = self._read(rows, after, wanted.limit + 1)
            return self._cut(page, wanted.limit)
        page, read, size = [], 0, max(wanted.limit + 1, MIN_BATCH)
        while True:
            batch = self._read(rows, after, size)
            page += select(batch)
            read += size
            if len(page) > wanted.limit or len(batch) < size:
                return self._cut(page, wanted.limit)
            if read >= MAX_SELECTED:
                return page, self._encode_cursor(batch[-1])
            after = [batch[-1][name] for name in self.fields]

    def _read(self, rows: QuerySet[Any, Row], after: Sequence[Any] | None, number: int) -> list[Row]:
        """Return the first *number* of *rows* after the one with the values *after*, in order."""
        if after is not None:
            beyond = TupleLessThan if self.descending else TupleGreaterThan
            rows = rows.filter(beyond(Tuple(*self.fields), tuple(after)))
        order = [F(name).desc() if self.descending else F(name).asc() for name in self.fields]
        return list(rows.order_by(*order)[:number])

    def _cut(self, page: list[Row], limit: int) -> tuple[list[Row], str | None]:
        """Return the first *limit* rows of *page*, and the cursor of the next page if there are more."""
        return page[:limit], self._encode_cursor(page[limit - 1]) if len(page) > limit else None

    def _encode_cursor(self, row: Row) -> str:
        values = [_adapter(kind).dump_python(row[name], mode="json") for name, kind in self.fields.items()]
        return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")

    def _decode_cursor(self, cursor: str) -> list[Any]:
        try:
            values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
            pairs = zip(self.fields.values(), values, strict=True)
            return [_adapter(kind).validate_json(json.dumps(value)) for kind, value in pairs]
        except (ValueError, TypeError, binascii.Error, ValidationError, RecursionError) as error:
            invalid = FieldError("query", "after", "not a value from a Link header")
            raise ProblemError(VALIDATION_ERROR, f"after: {invalid.detail}", errors=[invalid]) from error


def check_parameters(request: HttpRequest, model: type[BaseModel] = BaseModel) -> None:
    """Refuse parameters that *model* lacks, and single values given twice: a misspelt filter would filter nothing.

    Raises ProblemError.
    """
    errors = [
        FieldError("query", name, "unknown parameter", tuple(model.model_fields))
        if name not in model.model_fields
        else FieldError("query", name, "given more than once")
        for name, values in request.GET.lists()
        if name not in model.model_fields or (len(values) > 1 and not _takes_many(model, name))
    ]
    if errors:
        raise ProblemError(VALIDATION_ERROR, f"query {errors[0].where!a}: {errors[0].detail}", errors=errors)


def _takes_many(model: type[BaseModel], name: str) -> bool:
    return isinstance(model.model_fields[name].get_default(call_default_factory=True), list)


def paginated_response(
    request: HttpRequest,
    order: CursorPagination,
    rows: QuerySet[ModelRow],
    wanted: ListQuery,
    schema: type[BaseModel],
    complete: Callable[[Sequence[Row]], None] = lambda _page: None,
    select: Select | None = None,
) -> HttpResponse:
    """Return a page as a JSON array, each row as *schema* reads it; a `Link` header (RFC 8288) leads to the next.

    Only the columns that the schema reads and the annotations of *rows* are loaded, and no objects are made. *complete*
    gives the rows of the page the values that the schema reads beyond those. *select* leaves rows out.
    """
    check_parameters(request, type(wanted))
    columns, nested = _columns(rows.model, schema)
    names = dict.fromkeys([*columns, *rows.query.annotations, *order.fields])
    page, cursor = order.page(rows.values(*names), wanted, select)
    if nested:
        for row in page:
            _nest(row, nested)
    complete(page)
    rows_of_schema = _adapter(list[schema])  # type: ignore[valid-type]  # a type like any other
    body = rows_of_schema.dump_json(rows_of_schema.validate_python(page))
    response = HttpResponse(body, content_type="application/json")
    if cursor is not None:
        query = urlencode({**dict(request.GET.lists()), "after": cursor}, doseq=True)
        response["Link"] = f'<{request.path}?{query}>; rel="next"'
    return response


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _paths(schema: type[BaseModel]) -> list[tuple[str, ...]]:
    """Return where *schema* reads its fields: the name of a column, or those of relations and then of a column."""
    aliases = {name: field.validation_alias or name for name, field in schema.model_fields.items()}
    return [
        tuple(map(str, alias.path)) if isinstance(alias, AliasPath) else (str(alias),) for alias in aliases.values()
    ]


@cache
def _columns(model: type[Model], schema: type[BaseModel]) -> tuple[list[str], dict[str, tuple[str, ...]]]:
    """Return the columns of *model* that *schema* reads, and where it reads those of related rows."""
    paths = {"__".join(path): path for path in _paths(schema) if _is_column(model, path[0])}
    return list(paths), {name: path for name, path in paths.items() if len(path) > 1}


def _is_column(model: type[Model], name: str) -> bool:
    try:
        return model._meta.get_field(name).concrete
    except FieldDoesNotExist:
        return False


def _nest(row: Row, paths: Mapping[str, tuple[str, ...]]) -> None:
    """Move the values of related rows into rows of their own."""
    for name, path in paths.items():
        inner = row
        for part in path[:-1]:
            inner = inner.setdefault(part, {})
        inner[path[-1]] = row.pop(name)
