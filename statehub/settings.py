"""All settings: those of the commands, and what the web server needs."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from statehub.environment import read_bool, read_hosts, read_networks, read_number, read_origins, read_text
from statehub.numbers import MAX_HOURS
from statehub.settings_base import *  # noqa: F403 - one set of settings in two steps
from statehub.settings_base import BASE_DIR, DATABASES, INSTALLED_APPS, STATEHUB_VAR, ensure_directory

DEBUG = read_bool("DEBUG", True)

if not DEBUG and "postgresql" in DATABASES["default"]["ENGINE"]:
    # A server keeps its connections: opening one costs more than most requests. Not with DEBUG: there every request may
    # have a thread, and so a connection, of its own.
    DATABASES["default"].setdefault("CONN_MAX_AGE", 60)
    DATABASES["default"].setdefault("CONN_HEALTH_CHECKS", True)


def _kept_secret_key() -> str:
    """The key of a local hub: made once, kept in `var/`, readable by its owner only. Raises ImproperlyConfigured."""
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
    """Put a new key there in one step: of several processes that begin at once, all take the first one's."""
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
    SECRET_KEY = _kept_secret_key()

# Who may say for whom a request is, by X-Forwarded-For, -Proto and -Host: by default a proxy on this machine.
STATEHUB_TRUSTED_PROXIES = read_networks("STATEHUB_TRUSTED_PROXIES", "127.0.0.1,::1,unix")

# This machine's own names always count: an ssh tunnel ends there, whatever the hub is called outside.
LOOPBACK_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
ALLOWED_HOSTS = list(dict.fromkeys([*read_hosts("ALLOWED_HOSTS", []), *LOOPBACK_HOSTS]))
CSRF_TRUSTED_ORIGINS = read_origins("CSRF_TRUSTED_ORIGINS")

INSTALLED_APPS = [
    "unfold",  # the admin's look; it must come first
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

# Refused API tokens from one address in one minute; any more are answered 429, and not logged.
STATEHUB_REFUSED_PER_MINUTE = read_number("STATEHUB_REFUSED_PER_MINUTE", 20, 1_000_000)
# The dashboard calls a checkout overdue after so many hours without a finished run.
STATEHUB_OVERDUE_HOURS = read_number("STATEHUB_OVERDUE_HOURS", 24, MAX_HOURS)

# What an error page of DEBUG shows of the settings and of the environment: none of the addresses that hold a password.
DEFAULT_EXCEPTION_REPORTER_FILTER = "web.exception_filter.ExceptionReporterFilter"

ROOT_URLCONF = "web.urls"
WSGI_APPLICATION = "web.wsgi.application"
LOGIN_REDIRECT_URL = "admin:index"
STATIC_URL = "static/"
STATIC_ROOT = STATEHUB_VAR / "static"
# Files are served from the packages, and compressed from STATIC_ROOT where `collectstatic` has put them there.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}

# The admin's look: names of functions, since the hub itself knows nothing of the web.
UNFOLD = {
    "SITE_TITLE": "State Hub",
    "SITE_HEADER": "State Hub",
    "SITE_SYMBOL": "hub",
    "SITE_URL": None,
    # The look's own tone is too dark to read on its dark ground.
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
    # For this host alone unless set: a hub must not decide how other servers of its domain are reached.
    SECURE_HSTS_INCLUDE_SUBDOMAINS = _hsts_subdomains
    SECURE_HSTS_PRELOAD = _hsts_preload
    SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]  # they want both
    # Monitors come over plain http, by address: a redirect would be no answer to them.
    SECURE_REDIRECT_EXEMPT = [r"^(?:healthz|readyz|metrics)$"]
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
