"""The base of the admins of mirrored or recorded rows: lists and pages without forms for their fields."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, TypeVar

from django.contrib.admin.options import ShowFacets
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.utils.functional import cached_property
from django.utils.html import format_html

from web.admin import formatting
from web.admin.components import Section
from web.admin.formatting import Cell
from web.admin.periods import Periods
from web.admin.unfold import ModelAdmin

Row = TypeVar("Row", bound=Model)

RESULT_LIMIT = 1_000
"""Rows that a search shows at most."""

LIST_LIMIT = 10_000
"""Rows that a list shows, and counts, at most: to count a million takes longer than to show a page of them."""


class _CappedList(list[Any]):
    """The ids that a search found. Django clones a result that fits on one page, as if it were a query."""

    def _clone(self) -> _CappedList:
        return self


class CappedPaginator(Paginator):  # type: ignore[type-arg]  # generic in the stubs alone
    """Pages of the first rows of a list, up to LIST_LIMIT."""

    @cached_property
    def count(self) -> int:
        """Return the number of rows, or LIST_LIMIT if there are more."""
        return min(self._counted, LIST_LIMIT)

    @property
    def is_cut(self) -> bool:
        """Return whether there are more rows than those of all pages."""
        return self._counted > LIST_LIMIT

    @cached_property
    def _counted(self) -> int:
        rows: Any = self.object_list
        return len(rows) if isinstance(rows, list) else rows.order_by()[: LIST_LIMIT + 1].count()


class CappedChangeList(ChangeList):
    """A list that loads the ids of a page first, then its rows, then what its admin adds to them.

    So joins and subqueries run for the rows of one page only, however far down it is. It stops at a limit instead of
    counting all rows. A search reads the table once, and has no drill-down by date, which would read it twice more.
    """

    def get_results(self, request: HttpRequest) -> None:
        whole, self.show_all, cut_at = self.queryset, False, 0
        ids: Any = whole.values_list("pk", flat=True)
        if self.query:
            self.date_hierarchy = None
            ids = list(ids[: RESULT_LIMIT + 1])
            cut_at = RESULT_LIMIT if len(ids) > RESULT_LIMIT else 0
            ids = _CappedList(ids[:RESULT_LIMIT])
        self.queryset = ids
        super().get_results(request)
        if isinstance(self.paginator, CappedPaginator) and self.paginator.is_cut:
            cut_at = LIST_LIMIT
        self.cut_at = f"{cut_at:,}" if cut_at else ""
        pks = list(self.result_list) if self.result_count else []
        rows = {row.pk: row for row in self.root_queryset.filter(pk__in=pks)}
        self.result_list = [rows[pk] for pk in pks if pk in rows]
        self.model_admin.annotate_page(self.result_list)  # type: ignore[attr-defined]  # a ReadOnlyAdmin's
        if self.date_hierarchy:  # shown by the template, which asks this for the years, months or days
            self.queryset = Periods(whole if pks else whole.none(), self.date_hierarchy)
        if self.query or self.get_filters_params():
            return
        self.full_result_count = self.result_count  # so that the page does not offer to show all
        if not pks:  # nothing to search or to filter
            self.has_filters, self.search_fields, self.date_hierarchy = False, (), None


class ReadOnlyAdmin(ModelAdmin):
    """Shows rows. Subclasses say in `sections` what a row's page has, and in `annotate_page` what a list needs."""

    actions: Sequence[str] | None = None
    empty_text = ""
    """The text of an empty list: where rows come from."""
    list_before_template = "web/admin/list_note.html"
    list_per_page = 50
    list_max_show_all = 0
    list_select_related: ClassVar[tuple[str, ...]] = ()
    list_filter_submit = True
    list_filter_sheet = False
    list_fullwidth = True
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    compressed_fields = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows with those that `list_select_related` names, for lists and pages."""
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.select_related(*self.list_select_related) if self.list_select_related else rows

    def has_add_permission(self, request: HttpRequest, *_: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_paginator(self, request: HttpRequest, *args: Any, **options: Any) -> Paginator[Any]:
        """Return the pages of a list. One with actions counts all rows, because an action may be for all of them."""
        return (Paginator if self.actions else CappedPaginator)(*args, **options)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return CappedChangeList

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the list; an empty one offers no actions."""
        response = super().changelist_view(request, extra_context)
        context = getattr(response, "context_data", None) or {}
        if "cl" in context and not context["cl"].result_list:
            context |= {"action_form": None, "actions_on_top": False}
        return response

    def annotate_page(self, rows: list[Any]) -> None:
        """Set attributes of *rows*, one page of the list, that its columns show."""

    def heading(self, obj: Any) -> Cell:
        return formatting.line(str(obj))

    def sections(self, request: HttpRequest, obj: Any) -> Iterable[Section]:
        """Return the sections of the page of *obj*."""
        raise NotImplementedError

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the page of one row, which no form can change."""
        if request.method not in {"GET", "HEAD"}:
            return HttpResponseNotAllowed(["GET", "HEAD"])
        obj = self.get_object(request, unquote(object_id))
        if not self.has_view_permission(request, obj):
            raise PermissionDenied
        if obj is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined,no-any-return]  # not in the stubs
        return self.page(request, obj, list(self.sections(request, obj)), extra_context)

    def page(
        self, request: HttpRequest, obj: Model, sections: list[Section], extra: dict[str, Any] | None = None
    ) -> TemplateResponse:
        """Return the page of *obj* with *sections*."""
        deletable = self.has_delete_permission(request, obj)
        context = {
            "original": obj,
            "title": formatting.line(str(obj), 200),
            "heading": self.heading(obj),
            "delete_url": f"{request.path.removesuffix('change/')}delete/" if deletable else "",
            **(extra or {}),
        }
        return self.plain_page(request, sections, context)

    def plain_page(self, request: HttpRequest, sections: list[Section], context: dict[str, Any]) -> TemplateResponse:
        """Return a page with *sections*; *context* has its `title` and `heading`."""
        return self.render(request, "web/admin/record.html", {"sections": sections, **context})

    def render(self, request: HttpRequest, template: str, context: dict[str, Any]) -> TemplateResponse:
        """Return a whole page of the admin."""
        request.current_app = self.admin_site.name
        context = {**self.admin_site.each_context(request), "opts": self.opts, **context}
        return TemplateResponse(request, template, context)


class DeletableAdmin(ReadOnlyAdmin):
    """Rows that outlive their files: only a user with Django's permission deletes them, never a run."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(ModelAdmin.has_delete_permission(self, request, obj))


def first_rows(rows: QuerySet[Row], limit: int, url: str) -> tuple[list[Row], Cell]:
    """Return the first *limit* of *rows*; if there are more, also a note that says so and links to *url*."""
    shown = list(rows[: limit + 1])
    if len(shown) <= limit:
        return shown, ""
    note = format_html('{} of {} – <a class="sh-link" href="{}">show all</a>', limit, f"{rows.count():,}", url)
    return shown[:limit], note
