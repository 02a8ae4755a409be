"""Keeps what is secret off the error pages of DEBUG, and out of reports by mail."""

from __future__ import annotations

import re

from django.views.debug import SafeExceptionReporterFilter


class ExceptionReporterFilter(SafeExceptionReporterFilter):
    """Django's; besides, DATABASE_URL and STATEHUB_PING_URL, from the settings and from the environment alike."""

    hidden_settings = re.compile(f"{SafeExceptionReporterFilter.hidden_settings.pattern}|URL", re.IGNORECASE)
