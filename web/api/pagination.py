"""Cursor pagination: each page costs the same, and none skips or repeats a row while others are added or deleted."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db.models import F, Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from web.api.problems import VALIDATION_ERROR, FieldError, ProblemError
from web.api.schemas import After, Limit

Row = TypeVar("Row", bound=Model)


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

    def page(self, rows: QuerySet[Row], wanted: ListQuery) -> tuple[list[Row], str | None]:
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

    def _encode_cursor(self, row: Model) -> str:
        values = [TypeAdapter(kind).dump_python(getattr(row, name), mode="json") for name, kind in self.fields.items()]
        return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")

    def _decode_cursor(self, cursor: str) -> list[Any]:
        try:
            values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
            pairs = zip(self.fields.values(), values, strict=True)
            return [TypeAdapter(kind).validate_json(json.dumps(value)) for kind, value in pairs]
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
    rows: QuerySet[Row],
    wanted: ListQuery,
    schema: type[BaseModel],
    complete: Callable[[Sequence[Row]], None] = lambda _page: None,
) -> HttpResponse:
    """Return a page as a JSON array, each row as *schema* reads it; a `Link` header (RFC 8288) leads to the next.

    *complete* gives the rows of the page the attributes that the schema reads beyond those of the model.
    """
    check_parameters(request, type(wanted))
    page, cursor = order.page(rows, wanted)
    complete(page)
    body = json_array(schema.model_validate(row) for row in page)
    response = HttpResponse(body, content_type="application/json")
    if cursor is not None:
        query = request.GET.copy()
        query["after"] = cursor
        response["Link"] = f'<{request.path}?{query.urlencode()}>; rel="next"'
    return response


def json_array(values: Iterable[BaseModel], *, exclude_none: bool = False) -> str:
    """Return *values* as a JSON array."""
    return f"[{','.join(value.model_dump_json(exclude_none=exclude_none) for value in values)}]"
