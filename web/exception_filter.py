"""Hides secrets on the error pages of DEBUG and in mailed error reports."""

from __future__ import annotations

import re

from django.views.debug import SafeExceptionReporterFilter


class ExceptionReporterFilter(SafeExceptionReporterFilter):
    """Django's filter; in settings and environment it also hides URLs, among them those in STATEHUB_NOTIFY."""

    hidden_settings = re.compile(f"{SafeExceptionReporterFilter.hidden_settings.pattern}|URL|NOTIFY", re.IGNORECASE)
