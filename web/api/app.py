"""Puts the API together: routes, exception handlers, the OpenAPI document."""

from __future__ import annotations

from http.client import responses
from typing import Any

from django.db import Error as DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI, Swagger
from ninja.errors import HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema

from statehub import __version__
from web.api.authentication import TokenAuth
from web.api.lists import router as reads
from web.api.parsers import StrictParser
from web.api.problems import BAD_REQUEST, MEDIA_TYPE, NOT_FOUND, SCHEMA, ProblemError, database_problem
from web.api.tasks import router as tasks
from web.api.validation_errors import invalid

ALWAYS = (401, 422, 429, 503)
WITH_BODY = (400, 403, 404, 409, 411, 412, 413, 415)
_HEADERS: dict[str, dict[str, Any]] = {
    "ETag": {"description": "The task's version.", "schema": {"type": "string"}},
    "Link": {"description": "The address of the next page (RFC 8288), if there is one.", "schema": {"type": "string"}},
}


class HubAPI(NinjaAPI):
    """The framework's API, with every refusal in its document."""

    def get_openapi_schema(self, **kwargs: Any) -> OpenAPISchema:
        """Return the OpenAPI document."""
        document = super().get_openapi_schema(**kwargs)
        document["components"]["schemas"]["Problem"] = SCHEMA
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                _describe(path, method, operation)
        return document


def _describe(path: str, method: str, operation: dict[str, Any]) -> None:
    """Add the refusals and headers of one operation, and drop the null from the types of optional parameters."""
    for parameter in operation["parameters"]:
        for shape in parameter["schema"].pop("anyOf", []):
            if shape != {"type": "null"}:
                parameter["schema"].update(shape)
    one_task = path.endswith("}/")
    statuses = {*ALWAYS, *(WITH_BODY if method == "patch" else ())}
    statuses |= {404} if "{" in path else set()
    for status in sorted(statuses):
        content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        operation["responses"][status] = {"description": responses[status], "content": content}
    name = "ETag" if one_task else "Link" if method == "get" else None
    if name is not None:
        operation["responses"][200]["headers"] = {name: _HEADERS[name]}


api = HubAPI(
    title="State Hub",
    version=__version__,
    description=(
        "What remote machines call: read what the hub knows, and report statuses. Lists are JSON arrays; a `Link` "
        "header leads to the next page. Every refusal is a problem document (RFC 9457)."
    ),
    auth=TokenAuth(),
    parser=StrictParser(),
    # No badge: it would let an outside machine read the document.
    docs=Swagger(settings={"validatorUrl": None, "defaultModelsExpandDepth": 0}),
    docs_url="/docs/",
    urls_namespace="api",
)
api.add_router("", reads, tags=["hub"])
api.add_router("", tasks, tags=["tasks"])


@api.exception_handler(ProblemError)
def _problem(_request: HttpRequest, problem: Any) -> HttpResponse:
    return problem.response()  # type: ignore[no-any-return]  # the framework types an exception or its class


@api.exception_handler(ValidationError)
def _invalid(_request: HttpRequest, error: Any) -> HttpResponse:
    return invalid(error.errors).response()


@api.exception_handler(HttpError)
def _http_error(_request: HttpRequest, error: Any) -> HttpResponse:
    """The framework wraps the ProblemError that the parser raised."""
    problem = error.__cause__ if isinstance(error.__cause__, ProblemError) else ProblemError(BAD_REQUEST, str(error))
    return problem.response()


@api.exception_handler(Http404)
def _not_found(request: HttpRequest, _error: Any) -> HttpResponse:
    return ProblemError(NOT_FOUND, f"there is no {request.path}").response()


@api.exception_handler(DatabaseError)
def _database_error(_request: HttpRequest, error: Any) -> HttpResponse:
    return database_problem(error).response()


@api.exception_handler(Exception)
def _internal_error(_request: HttpRequest, error: Any) -> HttpResponse:
    """Let Django log it; ProblemMiddleware turns Django's answer into a problem document."""
    raise error
