"""Delivers messages by mail, to webhooks and to Slack, and says in one line why one was not taken.

Webhooks are signed by the Standard Webhooks scheme. No redirect is followed: a message goes to the address in the
settings and to no other.
"""

from __future__ import annotations

import base64
import json
import re
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from django.conf import settings
from django.utils import timezone

from consistency.notify.messages import Message, format_time
from consistency.notify.receivers import Address, Channel
from statehub import __version__
from statehub.errors import StateHubError
from statehub.standard_webhooks import ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, start_signature

SECONDS = 10.0
"""The time limit of all deliveries of one process, including DNS and TLS."""

_CALLS = re.compile(r"@(?=(?:all|channel|everyone|here)\b)", re.IGNORECASE)


class DeliveryError(StateHubError):
    """The receiver did not take the message; the text has no secret."""


class Delivery(NamedTuple):
    """One message on its way to one receiver; `secrets` sign it, if it goes to a webhook."""

    address: Address
    secrets: tuple[str, ...]
    message: Message


def deliver(deliveries: Iterable[Delivery], seconds: float = SECONDS) -> list[str]:
    """Deliver all at the same time; return for each why it was not taken, or ''."""
    # A socket's time limit starts again with every byte, and a DNS lookup has none.
    results: list[list[str]] = []
    threads = []
    for each in deliveries:
        result: list[str] = []
        thread = threading.Thread(target=_try, args=(each, seconds, result), daemon=True)
        thread.start()
        results.append(result)
        threads.append(thread)
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(deadline - time.monotonic(), 0))
    return [result[0] if result else f"no answer within {seconds:g} seconds" for result in results]


def _try(delivery: Delivery, seconds: float, result: list[str]) -> None:
    try:
        _deliver_one(delivery, seconds)
    except DeliveryError as error:
        result.append(" ".join(str(error).split()))
    except Exception as error:  # noqa: BLE001 - a fault of ours must not end the run; its text may have the address
        result.append(f"internal error, please report it: {type(error).__name__}")
    else:
        result.append("")


def _deliver_one(delivery: Delivery, seconds: float) -> None:
    message, target = delivery.message, delivery.address.target
    match delivery.address.channel:
        case Channel.MAIL:
            send_mail(target, message, seconds)
        case Channel.SLACK:
            _post(target, json.dumps({"text": escape_slack(message)}).encode(), {}, seconds)
        case Channel.WEBHOOK:
            sent_at = timezone.now()
            data = {"subject": message.subject, "text": message.text, **message.data}
            body = json.dumps({"type": message.type, "timestamp": format_time(sent_at), "data": data}).encode()
            _post(target, body, sign(delivery.secrets, message.id, int(sent_at.timestamp()), body), seconds)


def send_mail(target: str, message: Message, seconds: float) -> None:
    """Send *message* to the address *target*. Raises DeliveryError."""
    from smtplib import SMTPException

    from django.core.mail import EmailMessage
    from django.core.mail.backends.smtp import EmailBackend

    sender = settings.DEFAULT_FROM_EMAIL
    domain = sender.rpartition("@")[2].rstrip("> ")
    headers = {"Message-ID": f"<{message.id}@{domain}>", "Auto-Submitted": "auto-generated"}
    server = EmailBackend(timeout=seconds)
    try:
        EmailMessage(message.subject, message.text, sender, [target], headers=headers, connection=server).send()
    except SMTPException as error:
        raise DeliveryError(f"the mail server refused it: {_describe_refusal(error)}") from error
    except TimeoutError as error:
        raise DeliveryError(f"no answer within {seconds:g} seconds") from error
    except (OSError, ValueError) as error:
        raise DeliveryError(_describe_error(error)) from error
    finally:
        with suppress(SMTPException, OSError):  # Open only after an error.
            server.close()


def _describe_refusal(error: Exception) -> str:
    """Return the server's answer in *error*, without the address and the password."""
    from smtplib import SMTPRecipientsRefused, SMTPResponseException

    answers: Iterable[tuple[int, bytes | str]] = ()
    if isinstance(error, SMTPRecipientsRefused):
        answers = error.recipients.values()
    elif isinstance(error, SMTPResponseException):
        answers = [(error.smtp_code, error.smtp_error)]
    for status, text in answers:
        return f"{status} {text.decode('utf-8', 'replace') if isinstance(text, bytes) else text}"
    return str(error) or type(error).__name__


def sign(secrets: Iterable[str], id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers of a webhook by the Standard Webhooks scheme: one signature with each of *secrets*.

    *timestamp* is in seconds since 1970.
    """
    signatures = []
    for secret in secrets:
        mac = start_signature(secret, id, str(timestamp))
        mac.update(body)
        signatures.append(f"v1,{base64.b64encode(mac.digest()).decode()}")
    return {ID_HEADER: id, TIMESTAMP_HEADER: str(timestamp), SIGNATURE_HEADER: " ".join(signatures)}


def escape_slack(message: Message) -> str:
    """Return the text of *message* as Slack and its like take it: no title makes a link or calls everyone."""
    text = message.text if message.text.count("\n") == 1 else f"{message.subject}\n{message.text}"
    text = text.rstrip("\n").replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _CALLS.sub("@\u200b", text)


def _post(url: str, body: bytes, headers: Mapping[str, str], seconds: float) -> None:
    """Post *body*, which is JSON, to *url*. Raises DeliveryError."""
    from http.client import HTTPException
    from urllib.error import HTTPError, URLError
    from urllib.request import Request

    sent = {"Content-Type": "application/json", "User-Agent": f"statehub/{__version__}", **headers}
    try:
        request = Request(url, body, sent)  # noqa: S310 - checked in the settings
        _opener().open(request, timeout=seconds).close()
    except HTTPError as error:
        error.close()
        raise DeliveryError(f"it answered {error.code}") from error
    except TimeoutError as error:
        raise DeliveryError(f"no answer within {seconds:g} seconds") from error
    except URLError as error:
        raise DeliveryError(_describe_error(error.reason)) from error
    except (OSError, HTTPException, ValueError) as error:
        raise DeliveryError(_describe_error(error)) from error


def _describe_error(error: object) -> str:
    """Return the system's message; that of any other error may have the address, and only its kind is named."""
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return type(error).__name__


def _opener() -> Any:
    """Return an opener of http and https only, through the environment's proxies, that follows no redirect."""
    from urllib import request

    opener = request.OpenerDirector()
    for handler in (
        request.ProxyHandler(request.getproxies_environment()), request.HTTPHandler(), request.HTTPSHandler(),
        request.HTTPDefaultErrorHandler(), request.HTTPErrorProcessor(), request.UnknownHandler(),
    ):  # fmt: skip
        opener.add_handler(handler)
    return opener
