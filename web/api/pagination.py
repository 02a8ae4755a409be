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
from django.db.models import F, Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from pydantic import AliasPath, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from web.api.problems import VALIDATION_ERROR, FieldError, ProblemError
from web.api.schemas import After, Limit

ModelRow = TypeVar("ModelRow", bound=Model)
Row = dict[str, Any]
"""The values of a row by column; those of a related row are a row of their own."""


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

    def page(self, rows: QuerySet[Any, Row], wanted: ListQuery) -> tuple[list[Row], str | None]:
        """Return the rows of the page, in order, and the cursor of the next page or None. Raises ProblemError."""
        if wanted.after is not None:
            rows = rows.filter(self._after(self._decode_cursor(wanted.after)))
        order = [F(name).desc() if self.descending else F(name).asc() for name in self.fields]
        page = list(rows.order_by(*order)[: wanted.limit + 1])
        if len(page) <= wanted.limit:
            return page, None
        page.pop()
        return page, self._encode_cursor(page[-1])

    def _after(self, values: Sequence[Any]) -> Q:
        """Match rows after the one with *values*. An index can use the bound of the first field alone."""
        beyond, reached = ("lt", "lte") if self.descending else ("gt", "gte")
        condition, equal = Q(), Q()
        for name, value in zip(self.fields, values, strict=True):
            condition |= equal & Q((f"{name}__{beyond}", value))
            equal &= Q((name, value))
        first = next(iter(self.fields))
        return Q((f"{first}__{reached}", values[0])) & condition

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


def match_any(**wanted: Sequence[object]) -> Q:
    """Match rows whose fields each have one of the values wanted; an empty list matches all."""
    return Q(**{f"{name}__in": values for name, values in wanted.items() if values})


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
) -> HttpResponse:
    """Return a page as a JSON array, each row as *schema* reads it; a `Link` header (RFC 8288) leads to the next.

    Only the columns that the schema reads and the annotations of *rows* are loaded, and no objects are made. *complete*
    gives the rows of the page the values that the schema reads beyond those.
    """
    check_parameters(request, type(wanted))
    columns, nested = _columns(rows.model, schema)
    names = dict.fromkeys([*columns, *rows.query.annotations, *order.fields])
    page, cursor = order.page(rows.values(*names), wanted)
    if nested:
        for row in page:
            _nest(row, nested)
    complete(page)
    rows_of_schema = _adapter(list[schema])  # type: ignore[valid-type]  # a type like any other
    body = rows_of_schema.dump_json(rows_of_schema.validate_python(page))
    response = HttpResponse(body, content_type="application/json")
    if cursor is not None:
        query = request.GET.copy()
        query["after"] = cursor
        response["Link"] = f'<{request.path}?{query.urlencode()}>; rel="next"'
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
