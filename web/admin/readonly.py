"""The base of all admins of mirrored or recorded rows: lists, and pages that only show. No form writes a field."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.contrib.admin.options import ShowFacets
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from web.admin import formatting
from web.admin.components import Section

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin as Stock

    ModelAdmin = Stock[Any]
else:
    from unfold.admin import ModelAdmin


RESULT_LIMIT = 1_000
"""So many ids a search looks for; who gets more has to say more."""


class _CappedList(list[Any]):
    """The ids that a search found; Django copies a list that fits on one page as it would copy a query."""

    def _clone(self) -> _CappedList:
        return self


class CappedChangeList(ChangeList):
    """A list that finds the ids of a page first, then its rows, then what its admin adds to them.

    Joins and subqueries are so made for the rows of one page, however far down it is. A search goes over the table
    once: it stops at a limit instead of counting, and has no drill-down by date, which would go over it twice more.
    """

    def get_results(self, request: HttpRequest) -> None:
        """Load the page, in a constant number of queries."""
        whole, self.show_all, self.cut_at = self.queryset, False, 0
        ids: Any = whole.values_list("pk", flat=True)
        if self.query:
            self.date_hierarchy = None
            ids = list(ids[: RESULT_LIMIT + 1])
        self.queryset = _CappedList(ids[:RESULT_LIMIT]) if self.query else ids
        try:
            super().get_results(request)
        finally:
            self.queryset = whole
        if self.query and len(ids) > RESULT_LIMIT:
            self.cut_at = RESULT_LIMIT
        pks = list(self.result_list)
        rows = {row.pk: row for row in self.root_queryset.filter(pk__in=pks)}
        self.result_list = [rows[pk] for pk in pks if pk in rows]
        self.model_admin.complete(self.result_list)  # type: ignore[attr-defined]  # a ReadOnlyAdmin's
        if self.query or self.get_filters_params():
            return
        self.full_result_count = self.result_count  # Nothing more is there that a link could show.
        if not pks:  # There is nothing to search, or to filter.
            self.has_filters, self.search_fields, self.date_hierarchy = False, (), None


class ReadOnlyAdmin(ModelAdmin):
    """Shows rows; `sections` says what is on a row's page, `complete` what a page of the list needs besides."""

    actions = None
    empty_text = ""
    """Where rows come from: what an empty list says."""
    list_before_template = "web/admin/list_note.html"
    list_per_page = 50
    list_max_show_all = 0
    list_filter_submit = True
    list_filter_sheet = False
    list_fullwidth = True
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    compressed_fields = True

    def has_add_permission(self, request: HttpRequest, *_: Any) -> bool:  # noqa: ARG002 - Django's signature
        """Nobody adds rows here: runs and commands do."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 - Django's signature
        """Nobody edits rows here: files and commands do."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 - Django's signature
        """Nobody deletes rows here, unless a subclass says otherwise."""
        return False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:  # noqa: ARG002 - Django's signature
        """The list that completes its page."""
        return CappedChangeList

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list; an empty one offers no action on what was chosen."""
        response = super().changelist_view(request, extra_context)
        context = getattr(response, "context_data", None) or {}
        if "cl" in context and not context["cl"].result_list:
            context |= {"action_form": None, "actions_on_top": False}
        return response

    def complete(self, rows: list[Any]) -> None:
        """Add to *rows*, one page of the list, what they show and do not hold."""

    def heading(self, obj: Any) -> SafeString | str:
        """The page's heading."""
        return formatting.line(str(obj))

    def sections(self, request: HttpRequest, obj: Any) -> Iterable[Section]:
        """What is on the page of *obj*, in order."""
        raise NotImplementedError

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",  # noqa: ARG002 - Django's signature
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The page of one row."""
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
        """*sections* under the heading of *obj*."""
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
        """*sections* under the title and the heading that are in *context*."""
        context = {
            **self.admin_site.each_context(request), "opts": self.opts, "sections": sections, **context,
        }  # fmt: skip
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "web/admin/record.html", context)


def more(shown: int, count: int, url: str) -> SafeString | str:
    """A note below a table that holds *shown* of *count* rows."""
    if count <= shown:
        return ""
    return format_html('{} of {} – <a class="sh-link" href="{}">show all</a>', shown, f"{count:,}", url)
