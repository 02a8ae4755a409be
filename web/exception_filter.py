"""Hides secrets on the error pages of DEBUG and in mailed error reports."""

from __future__ import annotations

import re

from django.views.debug import SafeExceptionReporterFilter


class ExceptionReporterFilter(SafeExceptionReporterFilter):
    """Django's filter; it also hides DATABASE_URL and STATEHUB_PING_URL in settings and environment."""

    hidden_settings = re.compile(f"{SafeExceptionReporterFilter.hidden_settings.pattern}|URL", re.IGNORECASE)
