"""Entry point for a WSGI server."""

import os
import sys
from importlib import import_module

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "statehub.settings")

CANNOT_LOAD = 4
"""Exit status that makes gunicorn give up; after any other it would start workers forever."""

try:
    application = get_wsgi_application()
    import_module(settings.ROOT_URLCONF)  # Now: otherwise the first request would wait for it.
except ImproperlyConfigured as error:
    sys.stderr.write(f"error: {error}\n")
    sys.exit(CANNOT_LOAD)
