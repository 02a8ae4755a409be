"""Every error is a problem document: wrong paths, methods, sizes, types, bodies, a database that is gone."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.http import HttpResponse
from django.test import Client, RequestFactory

from tests.web.api.helpers import Api, Said, new_task, problem, said
from web.api.parsers import StrictParser
from web.api.problems import MALFORMED, PROBLEM_TYPES, TOO_LARGE, ProblemError
from web.middleware.problems import MAX_BODY_BYTES, ProblemMiddleware


@pytest.mark.parametrize("path", ["nothing/", "repos/1/", "tasks/a%0Ab/", "%00", "admin/"])
def test_nothing_there(api: Api, path: str) -> None:
    answer = api.get(path)
    assert (answer.status, answer.json["type"]) == (404, "/api/problems/#not-found")


def test_missing_slash_is_told_and_never_redirected(api: Api, settings: Any) -> None:
    said = "there is no /api/tasks/T01 (paths end with a slash)"
    for debug in (False, True):
        settings.DEBUG = debug
        for answer in (api.get("tasks/T01"), api.patch("tasks/T01", {"status": "done"})):
            assert answer == Said(404, problem("not-found", 404, "Not found", said), {})


def test_wrong_method_says_which_are_right(api: Api) -> None:
    said = "POST is not allowed here; GET is"
    answer = api.call("POST", "repos/", "{}")
    expected = problem("wrong-method", 405, "Method not allowed", said, allowed=["GET"])
    assert (answer, answer.headers["Allow"]) == (Said(405, expected, {}), "GET")
    assert api.call("DELETE", "tasks/T01/").json["allowed"] == ["GET", "PATCH"]


def test_body_beyond_the_limit(api: Api) -> None:
    new_task()
    body = b'{"status":"done"' + b" " * (MAX_BODY_BYTES - 17) + b"}"
    assert api.patch("tasks/T01/", body).status == 200
    said = f"the body has {MAX_BODY_BYTES + 1} bytes; {MAX_BODY_BYTES} are allowed"
    for client in (api, Api()):
        assert client.patch("tasks/T01/", body + b" ") == Said(
            413, problem("too-large", 413, "The body is too large", said), {}
        )


@pytest.mark.parametrize("length", ["0000000000002000000", "2000000", "0" * 5000 + str(MAX_BODY_BYTES + 1)])
def test_length_beyond_the_limit_however_it_is_written(api: Api, length: str) -> None:
    request = RequestFactory().patch("/api/tasks/T01/", CONTENT_LENGTH=length)
    answer = said(ProblemMiddleware(lambda _request: HttpResponse("reached"))(request))
    detail = f"the body has {int(length.lstrip('0'))} bytes; {MAX_BODY_BYTES} are allowed"
    assert answer == Said(413, problem("too-large", 413, "The body is too large", detail), {})


@pytest.mark.parametrize("length", ["+5", "-5", "1_0", "5.0", " 5", "0x5", "²", "9" * 20, "9" * 5000])
def test_length_that_is_not_a_number(length: str) -> None:
    request = RequestFactory().patch("/api/tasks/T01/", CONTENT_LENGTH=length)
    answer = said(ProblemMiddleware(lambda _request: HttpResponse("reached"))(request))
    detail = "Content-Length must be a whole number from 0 to 9223372036854775807"
    assert answer == Said(400, problem("bad-request", 400, "Bad request", detail), {})


def test_body_that_ends_early_is_malformed() -> None:
    class Gone(BytesIO):
        def read(self, *_size: int | None) -> bytes:
            raise OSError("gone")

    request = RequestFactory().patch("/api/tasks/T01/", b"{}", content_type="application/json")
    request._stream = Gone()
    with pytest.raises(ProblemError) as error:
        StrictParser().parse_body(request)
    assert (error.value.kind, error.value.detail) == (MALFORMED, "the body ended before its Content-Length")


def test_body_that_django_refuses_is_too_large(settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 3
    request = RequestFactory().patch("/api/tasks/T01/", b"[1, 2]", content_type="application/json")
    with pytest.raises(ProblemError) as error:
        StrictParser().parse_body(request)
    assert error.value.kind is TOO_LARGE


def test_body_of_unknown_length(api: Api) -> None:
    answer = api.patch("tasks/T01/", {}, Transfer_Encoding="chunked")
    assert (answer.status, answer.json["type"]) == (411, "/api/problems/#length-required")


@pytest.mark.parametrize("type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "json"])
def test_wrong_content_type(api: Api, type: str) -> None:
    answer = api.call("PATCH", "tasks/T01/", '{"status":"done"}', type=type)
    said = f"Content-Type is '{type}'"
    expected = problem("wrong-type", 415, "The body must be JSON", said, allowed=["application/json"])
    assert (answer, answer.headers["Accept-Patch"]) == (Said(415, expected, {}), "application/json")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("{", "line 1, column 2: Expecting property name enclosed in double quotes"),
        (b"\xff", "the body is not UTF-8: byte 0 starts no valid character"),
        ('{"status":"done","status":"todo"}', "the key 'status' is given twice"),
        ('{"status":NaN}', "NaN is not JSON"),
        ('{"\\ud800":1}', "the key '\\ud800' is not valid text: it contains an unpaired surrogate"),
        ("[" * 100_000, "the body is nested too deeply"),
        ("1" * 5000, "a number has 5000 digits"),
    ],
)
def test_malformed_body(api: Api, body: bytes | str, said: str) -> None:
    for path in ("tasks/T01/", "tasks/"):
        expected = problem("malformed", 400, "The body cannot be read", said)
        assert api.patch(path, body) == Said(400, expected, {})


def test_foreign_host_name(api: Api) -> None:
    answer = api.get("tasks/", Host="evil.example.org")
    assert (answer.status, answer.json["type"]) == (400, "/api/problems/#bad-request")


def test_fault_of_our_own_is_a_problem_without_detail(api: Api, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    def fail(_ref: str) -> None:
        raise RuntimeError("secret words")

    monkeypatch.setattr("web.api.tasks.get_task", fail)
    api.client.raise_request_exception = False
    for debug in (False, True):
        settings.DEBUG = debug
        said = "the error is in State Hub's log; nothing was recorded"
        assert api.get("tasks/T01/") == Said(500, problem("fault", 500, "Internal server error", said), {})


def test_database_that_is_gone(api: Api) -> None:
    def gone(*_args: Any) -> None:
        raise OperationalError("connection refused")

    expected = problem("unavailable", 503, "The database is unavailable", "try again in a moment")
    with connection.execute_wrapper(gone):
        for answer in (api.get("tasks/"), api.patch("tasks/T01/", {"status": "done"}), api.get("/metrics")):
            assert (answer, answer.headers["Retry-After"]) == (Said(503, expected, {}), "5")


def test_types_of_problems_lead_to_their_list() -> None:
    listed = json.loads(Client().get("/api/problems/").content)
    assert listed == [
        {"type": f"/api/problems/#{kind.name}", "status": kind.status, "title": kind.title} for kind in PROBLEM_TYPES
    ]
    assert len({kind.name for kind in PROBLEM_TYPES}) == len(PROBLEM_TYPES)


def test_answers_are_not_for_caches(api: Api) -> None:
    headers = api.get("repos/").headers
    assert (headers["Cache-Control"], headers["Vary"]) == ("no-store", "Authorization")


def test_page_of_the_document_loads_nothing_from_outside(client: Client) -> None:
    for path in ("/api/", "/api"):
        assert client.get(path)["Location"] == "/api/docs/"
    page = client.get("/api/docs/").content.decode()
    assert "/static/ninja/swagger-ui-bundle" in page
    assert "http:" not in page
    assert "https:" not in page
    assert '"validatorUrl": null' in page


def test_compressed_page_of_an_error_becomes_a_plain_problem(api: Api, settings: Any) -> None:
    settings.DEBUG = True  # Django's page is then long enough to be compressed
    answer = api.get("nothing/", Accept_Encoding="gzip")
    assert (answer.status, answer.headers.get("Content-Encoding")) == (404, None)
