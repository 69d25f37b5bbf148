"""Django settings, one file, driven by `mosaic_admin.env`."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
from csp.constants import NONE, SELF

from mosaic_admin import env
from mosaic_admin.secret_key import kept_key, strong

ENV = env.load()
BASE_DIR = Path(__file__).resolve().parent.parent
HOME = ENV.home.resolve()
IS_GATEWAY = ENV.process == "gateway"


HOME.mkdir(parents=True, exist_ok=True, mode=0o700)  # before anything is made in it


def _secret_key() -> str:
    if ENV.secret_key:
        return strong(ENV.secret_key, "MOSAIC_SECRET_KEY", "make one: openssl rand -base64 48")
    return secrets.token_urlsafe(50) if IS_GATEWAY else kept_key(HOME / "keys" / "django-secret-key")


SECRET_KEY = _secret_key()
DEBUG = ENV.debug
PUBLIC = urlsplit(ENV.public_url)
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]", *filter(None, map(str.strip, ENV.allowed_hosts.split(",")))]
ALLOWED_HOSTS += [PUBLIC.hostname] if PUBLIC.hostname else []
CSRF_TRUSTED_ORIGINS = [f"{PUBLIC.scheme}://{PUBLIC.netloc}"] if PUBLIC.netloc else []
# People reach the dashboard by TLS, which a proxy in front ends. The gateway has no pages, and no part in this.
IS_HTTPS = PUBLIC.scheme == "https" and not IS_GATEWAY
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if IS_HTTPS else None
SECURE_SSL_REDIRECT = IS_HTTPS
SECURE_SSL_HOST = PUBLIC.netloc or None
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]  # asked from inside, past the proxy
SECURE_HSTS_SECONDS = 365 * 86400 if IS_HTTPS else 0
# Whether names below this one, or every browser's list, shall know TLS only, is for the owner of the domain to say.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-gb"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASE_ROUTERS = ["store.routing.StoreRouter"]


CONNECTION_AGE_S = 60  # opening one costs as much as a small page; shorter than a person waits for a changed file


def _control_database() -> dict[str, Any]:
    if ENV.database_url:
        return dict(dj_database_url.parse(ENV.database_url, conn_max_age=CONNECTION_AGE_S, conn_health_checks=True))
    path = HOME / "control.sqlite3"
    path.touch(mode=0o600)  # it holds password hashes; SQLite gives its side files the same mode
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        "CONN_MAX_AGE": CONNECTION_AGE_S,
        "TEST": {"NAME": HOME / "control-test.sqlite3"},  # a file: jobs and their heartbeats write from several threads
        "OPTIONS": {
            "timeout": 20,  # seconds a writer waits for another: web, worker and beat share the file
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
        },
    }


def _control_database_seen_from_gateway() -> dict[str, Any]:
    """The gateway reads the API tokens there and waits for nothing: no request of its clients comes near."""
    if ENV.database_url:
        given = dj_database_url.parse(ENV.database_url, conn_max_age=None, conn_health_checks=True)
        return {**given, "OPTIONS": {"connect_timeout": 5, **given.get("OPTIONS", {})}}
    name = f"{(HOME / 'control.sqlite3').as_uri()}?mode=rw"  # never makes the file: that is the dashboard's to do
    return {"ENGINE": "django.db.backends.sqlite3", "NAME": name, "OPTIONS": {"timeout": 5}}


if IS_GATEWAY:  # serves the store only: the boot gate adds the alias `store`
    DATABASES: dict[str, dict[str, Any]] = {"default": _control_database_seen_from_gateway()}
    INSTALLED_APPS = [
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "mosaic_admin.people",
        "store",
        "gateway",
        "ninja",
    ]
    MIDDLEWARE = [
        "django.middleware.security.SecurityMiddleware",
        "django.middleware.common.CommonMiddleware",
        "gateway.middleware.OneShapeMiddleware",
        "gateway.middleware.AdmissionMiddleware",
    ]
    DATA_UPLOAD_MAX_MEMORY_SIZE = 8_000_000  # bytes; one text may have a million characters
    ROOT_URLCONF = "gateway.urls"
else:
    DATABASES = {"default": _control_database()}
    INSTALLED_APPS = [
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        "django.contrib.staticfiles",
        "django.forms",
        "django_htmx",
        "template_partials",
        "ninja",
        "mosaic_admin.people",
        "mosaic_admin.audit",
        "mosaic_admin",
        "tiers",
        "store",
        "doctor",
        "migration",
        "compose",
    ]
    MIDDLEWARE = [
        "django.middleware.security.SecurityMiddleware",
        "whitenoise.middleware.WhiteNoiseMiddleware",
        "csp.middleware.CSPMiddleware",
        "mosaic_admin.middleware.PrivateMiddleware",
        "mosaic_admin.middleware.BodyLimitMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
        "django_htmx.middleware.HtmxMiddleware",
        "mosaic_admin.audit.actor.ActorMiddleware",
        "mosaic_admin.middleware.ErrorMiddleware",
        "mosaic_admin.access.AccessMiddleware",
    ]
    DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000  # bytes; a document has a hundred thousand characters at most
    ROOT_URLCONF = "mosaic_admin.urls"


def _templates() -> Path:
    """Return the wheel's own folder, else the checkout's: beside a package `templates/` is anybody's."""
    packaged = BASE_DIR / "mosaic_admin" / "templates"
    return packaged if packaged.is_dir() else BASE_DIR / "templates"


WSGI_APPLICATION = "mosaic_admin.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [_templates()],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "mosaic_admin.context.shell",
            ],
            "builtins": ["template_partials.templatetags.partials", "mosaic_admin.templatetags.looks"],
        },
    }
]

FORM_RENDERER = "django.forms.renderers.TemplatesSetting"  # forms find our field templates

AUTH_USER_MODEL = "people.User"
AUTHENTICATION_BACKENDS = ["mosaic_admin.people.backend.NameOrEmailBackend"]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "overview"
LOGOUT_REDIRECT_URL = "sign-in"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True  # pages carry the token themselves
CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
# Names of our own: another application on another port of this host shares its cookies. With TLS the browser holds the
# prefix to its word: of this very host, and sent by TLS only.
COOKIE_PREFIX = "__Host-" if IS_HTTPS else ""
SESSION_COOKIE_NAME = f"{COOKIE_PREFIX}mosaic_session"
CSRF_COOKIE_NAME = f"{COOKIE_PREFIX}mosaic_csrf"
MESSAGE_TAGS = {10: "idle", 20: "run", 25: "ok", 30: "warn", 40: "fail"}  # message levels in the house's states
CSRF_FAILURE_VIEW = "mosaic_admin.views.csrf_failure"
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

STATIC_URL = "static/"
WHITENOISE_IMMUTABLE_FILE_TEST = r"^/static/vendor/"  # the version is part of the path
WHITENOISE_USE_FINDERS = True  # served from the package: no collectstatic step between clone and first page

CACHES = {
    "default": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": ENV.control_valkey_url,
        "TIMEOUT": 300,
        "KEY_PREFIX": "mosaic",
        "OPTIONS": {"SOCKET_CONNECT_TIMEOUT": 1, "SOCKET_TIMEOUT": 2},
    }
}

CELERY_BROKER_URL = ENV.control_valkey_url
CELERY_TASK_IGNORE_RESULT = True  # the job row is the truth
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_connect_timeout": 2, "socket_timeout": 5}
CELERY_TASK_PUBLISH_RETRY = False  # a lost broker is an error at once, not a page that hangs
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

# The Celery application; packages below it send by name (docs/architecture.md).
MOSAIC_CELERY_APP = "mosaic_admin.celery.app"
# The callable that lists the probes of a tier; doctor may not import the packages it probes (docs/architecture.md).
MOSAIC_PROBE_ASSEMBLER = "mosaic_admin.wiring.probes_for"
MOSAIC_CODES = "mosaic_admin.wiring.ALL_CODES"

EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
EMAIL_HOST = ENV.email_host
EMAIL_PORT = ENV.email_port
EMAIL_HOST_USER = ENV.email_user
EMAIL_HOST_PASSWORD = ENV.email_password
EMAIL_USE_TLS = ENV.email_security == "starttls"
EMAIL_USE_SSL = ENV.email_security == "tls"
EMAIL_TIMEOUT = 10  # seconds: a worker waits for it after the run is over
DEFAULT_FROM_EMAIL = ENV.email_from

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"redact": {"()": "mosaic_admin.redaction.RedactingFilter"}},
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["redact"]}},
    "root": {"handlers": ["stderr"], "level": ENV.log_level},
}
