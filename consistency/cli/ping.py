"""Pings a monitor when a command starts and when it ends, by the convention of healthchecks.io.

A failed ping is one line on stderr and changes nothing else: the monitor notices a missing ping.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

from consistency.runs.preflight import Warn
from statehub import __version__

SECONDS = 10.0
"""The time limit of a ping, including DNS and redirects."""


@contextmanager
def pinged(url: str, warn: Warn, seconds: float = SECONDS) -> Iterator[None]:
    """Ping *url* before and after the body; an empty *url* means no pings.

    `/start` first; at the end *url* itself, or `/fail` after an exception: SystemExit with another status than 0, or
    any other. *warn* gets one line for each ping that failed.
    """
    if not url:
        yield
        return
    rid = str(uuid.uuid4())
    _ping(address(url, "/start", rid), warn, seconds)
    end = "/fail"
    try:
        yield
        end = ""
    except SystemExit as exit:
        end = "/fail" if exit.code else ""
        raise
    finally:
        _ping(address(url, end, rid), warn, seconds)


def address(url: str, end: str, rid: str) -> str:
    """Add *end* to the path of *url*, and the run's id *rid* to its query."""
    parts = urlsplit(url)
    path = parts.path.rstrip("/") + end if end else parts.path
    query = f"{parts.query}&rid={rid}" if parts.query else f"rid={rid}"
    return parts._replace(path=path, query=query, fragment="").geturl()


def _ping(url: str, warn: Warn, seconds: float) -> None:
    """Call *url*, and *warn* if that failed. The URL's path is a secret: only its host is named."""
    problem: list[str] = []
    # A socket's time limit starts again with every byte, and a DNS lookup has none.
    thread = threading.Thread(target=lambda: problem.extend(_call(url, seconds)), daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        problem.append(f"no answer within {seconds:g} seconds")
    with suppress(OSError):  # The reader of our stderr has gone.
        for message in problem[:1]:
            warn(f"warning: ping of {urlsplit(url).hostname} failed: {' '.join(message.split())}")


def _call(url: str, seconds: float) -> list[str]:
    """Call *url*; return a list with the error, or an empty one."""
    from http.client import HTTPException
    from urllib.error import HTTPError, URLError
    from urllib.request import Request

    try:
        request = Request(url, headers={"User-Agent": f"statehub/{__version__}"})  # noqa: S310 - checked in the settings
        _opener().open(request, timeout=seconds).close()
    except HTTPError as error:
        error.close()
        return [f"it answered {error.code}" + (", a redirect that is not followed" if error.code < 400 else "")]
    except TimeoutError:
        return [f"no answer within {seconds:g} seconds"]
    except URLError as error:
        return [str(getattr(error.reason, "strerror", None) or error.reason)]
    except (OSError, HTTPException, ValueError) as error:
        return [str(error) or type(error).__name__]
    return []


def _opener() -> Any:
    """Return an opener of http and https only, through the environment's proxies; no redirect leaves https."""
    from urllib import request
    from urllib.error import HTTPError

    class Redirects(request.HTTPRedirectHandler):
        def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
            if urlsplit(newurl).scheme not in {"https", req.type}:
                raise HTTPError(newurl, code, "no redirect to another scheme", headers, fp)
            return super().redirect_request(req, fp, code, msg, headers, newurl)

    opener = request.OpenerDirector()
    for handler in (
        request.ProxyHandler(request.getproxies_environment()), request.HTTPHandler(), request.HTTPSHandler(),
        request.HTTPDefaultErrorHandler(), request.HTTPErrorProcessor(), request.UnknownHandler(), Redirects(),
    ):  # fmt: skip
        opener.add_handler(handler)
    return opener
