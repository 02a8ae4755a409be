"""All settings: those of the commands, and those of the web server."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from statehub.environment import read_bool, read_hosts, read_networks, read_number, read_origins, read_text
from statehub.settings_base import *  # noqa: F403 - one set of settings in two steps
from statehub.settings_base import BASE_DIR, DATABASES, INSTALLED_APPS, STATEHUB_VAR, ensure_directory

DEBUG = read_bool("DEBUG", True)

if not DEBUG and "postgresql" in DATABASES["default"]["ENGINE"]:
    # A server keeps its connections: opening one costs more than most requests. Not with DEBUG, when each request may
    # have its own thread, and so its own connection.
    DATABASES["default"].setdefault("CONN_MAX_AGE", 60)
    DATABASES["default"].setdefault("CONN_HEALTH_CHECKS", True)


def _stored_secret_key() -> str:
    """Return the secret key of a local hub, which is created once in `var/`, readable only by its owner.

    Raises ImproperlyConfigured.
    """
    path = STATEHUB_VAR / "secret_key"
    ensure_directory(path.parent)
    try:
        if not path.exists():
            _make_secret_key(path)
        key = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(f"the file {path} cannot be read or made: {error}; or set SECRET_KEY") from error
    if not key:
        raise ImproperlyConfigured(f"the file {path} is empty: delete it, or set SECRET_KEY")
    return key


def _make_secret_key(path: Path) -> None:
    """Create the file *path* with a new key atomically: processes that start at once all use the first one's key."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(secrets.token_urlsafe(50))
        with suppress(FileExistsError):
            os.link(partial, path)
    finally:
        partial.unlink(missing_ok=True)


SECRET_KEY = read_text("SECRET_KEY")
if not SECRET_KEY:
    if not DEBUG:
        raise ImproperlyConfigured("SECRET_KEY must be set if DEBUG is off")
    SECRET_KEY = _stored_secret_key()

# Proxies whose X-Forwarded-For, -Proto and -Host headers are trusted: by default those on this machine.
STATEHUB_TRUSTED_PROXIES = read_networks("STATEHUB_TRUSTED_PROXIES", "127.0.0.1,::1,unix")

# The names of this machine are always allowed: an ssh tunnel ends there, whatever the hub is called outside.
LOOPBACK_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
ALLOWED_HOSTS = list(dict.fromkeys([*read_hosts("ALLOWED_HOSTS", []), *LOOPBACK_HOSTS]))
CSRF_TRUSTED_ORIGINS = read_origins("CSRF_TRUSTED_ORIGINS")

INSTALLED_APPS = [
    "unfold",  # must come before the admin
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    *INSTALLED_APPS,
    "ninja",  # so that the API's page finds its files here, and loads none from outside
    "web",
]
if "postgresql" in DATABASES["default"]["ENGINE"]:
    INSTALLED_APPS.append("procrastinate.contrib.django")  # The queue of the workers; it has no tables for SQLite.
PROCRASTINATE_AUTODISCOVER_MODULE_NAME = ""

MIDDLEWARE = [
    "web.middleware.body.DrainBodyMiddleware",
    "web.middleware.proxy.TrustedProxies",
    "web.middleware.content_policy.ContentSecurityPolicyMiddleware",
    "web.middleware.problems.ProblemMiddleware",
    "web.middleware.loopback.LoopbackMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "web.middleware.hosts.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "web.middleware.unavailable.UnavailableMiddleware",
]

# Refused API tokens from one address in one minute; further ones are answered 429, and not logged.
STATEHUB_REFUSED_PER_MINUTE = read_number("STATEHUB_REFUSED_PER_MINUTE", 20, 1_000_000)

# Hides the urls with passwords in settings and environment from the error pages of DEBUG.
DEFAULT_EXCEPTION_REPORTER_FILTER = "web.exception_filter.ExceptionReporterFilter"

ROOT_URLCONF = "web.urls"
WSGI_APPLICATION = "web.wsgi.application"
LOGIN_REDIRECT_URL = "admin:index"
STATIC_URL = "static/"
STATIC_ROOT = STATEHUB_VAR / "static"
# Files are served from the packages, or compressed from STATIC_ROOT if `collectstatic` has put them there.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}

# Unfold, the admin's theme. Functions by their names: the hub does not import the web.
UNFOLD = {
    "SITE_TITLE": "State Hub",
    "SITE_HEADER": "State Hub",
    "SITE_SYMBOL": "hub",
    "SITE_URL": None,
    # Unfold's own tone is too dark to read on its dark background.
    "COLORS": {"primary": {"500": "oklch(74% .15 305)"}},
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "web.admin.navigation.favicon"}],
    "STYLES": ["web.admin.navigation.stylesheet"],
    "SIDEBAR": {"navigation": "web.admin.navigation.sidebar"},
    "TABS": "web.admin.navigation.tabs",
    "DASHBOARD_CALLBACK": "web.dashboard.page.dashboard",
}

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# Django itself writes errors to a log only with DEBUG. Answers like 503 have their own lines, and no traceback.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "has_traceback": {"()": "django.utils.log.CallbackFilter", "callback": lambda record: bool(record.exc_info)},
        "is_production": {"()": "django.utils.log.RequireDebugFalse"},
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "filters": ["is_production", "has_traceback"]}},
    "loggers": {"django.request": {"handlers": ["stderr"]}},
}

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

_ssl_redirect = read_bool("SECURE_SSL_REDIRECT", True)
_hsts_seconds = read_number("SECURE_HSTS_SECONDS", 31_536_000, 2**31 - 1, lowest=0)
_hsts_subdomains = read_bool("SECURE_HSTS_INCLUDE_SUBDOMAINS", False)
_hsts_preload = read_bool("SECURE_HSTS_PRELOAD", False)
if not DEBUG:
    SECURE_SSL_REDIRECT = _ssl_redirect
    SECURE_HSTS_SECONDS = _hsts_seconds
    # Only for this host unless set: a hub must not decide how other servers of its domain are reached.
    SECURE_HSTS_INCLUDE_SUBDOMAINS = _hsts_subdomains
    SECURE_HSTS_PRELOAD = _hsts_preload
    SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]  # they ask for both
    # Monitors use plain http and an IP address: a redirect would not help them.
    SECURE_REDIRECT_EXEMPT = [r"^(?:healthz|readyz|metrics)$"]
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
