"""Settings, read from the environment; whatever is missing or wrong stops the start with a sentence.

Development is the default: secrets are made once and kept in DATA_DIR. PRODUCTION=1 makes every
secret and address required. The wiring between apps (callback handlers, job kinds, sweeps) is here.
"""

import contextlib
import logging
import os
import secrets
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import environ
from babel.core import get_global
from babel.numbers import get_currency_precision
from celery.schedules import crontab
from cryptography.fernet import (  # noqa: TID251 -- the master key is made before kit.crypto can read the settings
    Fernet,
)
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

T = TypeVar("T")
env = environ.Env()
BASE_DIR = Path(__file__).resolve().parent.parent


def _read(name: str, read: Callable[[], T], *, must: str, fits: Callable[[T], object] = bool) -> T:
    """Return what the environment says of that name, or stop with what it must be.

    What it says instead is not repeated: it may be a secret, or hold a password.
    """
    try:
        # One sentence is enough: what a library warns of is what we refuse.
        with warnings.catch_warnings(action="ignore"):
            value = read()
            is_right = fits(value)
    except (ValueError, TypeError, LookupError, OSError, ImproperlyConfigured):
        is_right = False
    if not is_right:
        raise ImproperlyConfigured(f"{name} must be {must} (see the README).")
    return value


def _is_writable(path: Path) -> bool:
    """Make a folder, and say whether files can be written there."""
    path.mkdir(parents=True, exist_ok=True)
    return os.access(path, os.W_OK | os.X_OK)


def _flag(name: str, *, default: bool) -> bool:
    """Return a setting that is on or off."""
    said = _read(
        name,
        lambda: env.str(name, default="1" if default else "0").lower(),
        must="1 or 0",
        fits={"", "0", "1", "true", "false"}.__contains__,
    )
    return said in {"1", "true"}


PRODUCTION = _flag("PRODUCTION", default=False)
DATA_DIR = _read(
    "DATA_DIR",
    lambda: Path(env.str("DATA_DIR", default=str(BASE_DIR / "var"))).resolve(),
    must="a folder in which this user may write",
    fits=_is_writable,
)


def _required(name: str) -> str:
    """Return what PRODUCTION may not start without."""
    value: str = env.str(name, default="")
    if not value:
        raise ImproperlyConfigured(f"{name} is required when PRODUCTION=1 (see the README).")
    return value


def _kept(name: str, make: Callable[[], str]) -> str:
    """Return the development secret of that name, made on first use, readable by its owner only."""
    path = DATA_DIR / "secrets" / name
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        draft = path.with_name(f".{name}.{secrets.token_hex(4)}")
        draft.touch(mode=0o600)
        draft.write_text(make(), encoding="ascii")
        # Several processes may start at once: the first to link its file wins, all read that one.
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(draft)
        draft.unlink()
    return path.read_text(encoding="ascii")


def _secret(name: str, make: Callable[[], str]) -> str:
    given: str = env.str(name, default="")
    if given or PRODUCTION:
        return _required(name)
    return _kept(name.lower(), make)


# --- Secrets and addresses -------------------------------------------------------------------

DEBUG = False
SECRET_KEY = _secret("SECRET_KEY", lambda: secrets.token_urlsafe(50))
# Fernet keys, comma-separated: the first encrypts, all decrypt.
MASTER_KEYS = _secret("MASTER_KEYS", lambda: Fernet.generate_key().decode()).split(",")
_read(
    "MASTER_KEYS",
    lambda: [Fernet(key.strip()) for key in MASTER_KEYS],
    must="Fernet keys (44 characters of URL-safe base64 each), separated by commas",
)
CA_CERT = Path(_required("CA_CERT") if PRODUCTION else env.str("CA_CERT", str(DATA_DIR / "ca.crt")))
CA_KEY = Path(_required("CA_KEY") if PRODUCTION else env.str("CA_KEY", str(DATA_DIR / "ca.key")))
PORT = _read(
    "PORT",
    lambda: env.int("PORT", default=8000),
    must="a number from 1 to 65535",
    fits=range(1, 65536).__contains__,
)
SITE_URL = (
    _required("SITE_URL") if PRODUCTION else env.str("SITE_URL", f"http://localhost:{PORT}")
).rstrip("/")
_read(
    "SITE_URL",
    lambda: urlsplit(SITE_URL),
    must="the console's own address, such as https://console.example",
    fits=lambda url: url.scheme in {"http", "https"} and url.hostname and not url.path,
)
ALLOWED_HOSTS: list[str] = (
    _required("ALLOWED_HOSTS").split(",")
    if PRODUCTION
    else env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
)
# How many reverse proxies stand in front; only then is X-Forwarded-For believed, from the right.
TRUSTED_PROXIES = _read(
    "TRUSTED_PROXIES",
    lambda: env.int("TRUSTED_PROXIES", default=0),
    must="a number from 0 to 10",
    fits=range(11).__contains__,
)
CONSOLE_TIME_ZONE = _read(
    "CONSOLE_TIME_ZONE",
    lambda: env.str("CONSOLE_TIME_ZONE", default="UTC"),
    must="a time zone such as Asia/Shanghai",
    fits=ZoneInfo,
)
DECIMALS = 2
CURRENCY = _read(
    "CURRENCY",
    lambda: env.str("CURRENCY", default="USD"),
    must="a currency with two decimals, such as USD",
    fits=lambda code: (
        code in get_global("all_currencies") and get_currency_precision(code) == DECIMALS
    ),
)

# --- Delivery (product.md section 6) ----------------------------------------------------------

LONGEST_ATTEMPT_SECONDS = 4
# After the first push, one after each of these pauses (seconds): 16 attempts in 24 hours.
DAY_OF_TRIES = [15, 15, 30, 180, 600, 1200, *[1800] * 3, 3600, *[10800] * 3, *[21600] * 2]
DELIVERY_ALLOW_PRIVATE = _flag("DELIVERY_ALLOW_PRIVATE", default=not PRODUCTION)
DELIVERY_TIMEOUT_SECONDS = _read(
    "DELIVERY_TIMEOUT_SECONDS",
    lambda: env.float("DELIVERY_TIMEOUT_SECONDS", default=3.0),
    must="seconds above 0 and up to 4",
    fits=lambda seconds: 0 < seconds <= LONGEST_ATTEMPT_SECONDS,
)
DELIVERY_RETRY_SECONDS: list[int] = _read(
    "DELIVERY_RETRY_SECONDS",
    lambda: env.list(
        "DELIVERY_RETRY_SECONDS",
        cast=int,
        default=DAY_OF_TRIES,
    ),
    must="whole seconds above 0, separated by commas",
    fits=lambda gaps: gaps and min(gaps) > 0,
)
# How fast what waited for a paused URL goes out once it answers again, for each URL.
DELIVERY_DRAIN_A_SECOND = _read(
    "DELIVERY_DRAIN_A_SECOND",
    lambda: env.float("DELIVERY_DRAIN_A_SECOND", default=5.0),
    must="orders a second, above 0",
    fits=lambda pace: pace > 0,
)

# --- Operation --------------------------------------------------------------------------------

# Shorter than what pages show, and a record would be gone while it is looked for.
SHORTEST_RETENTION = 13
RETENTION_MONTHS = _read(
    "RETENTION_MONTHS",
    lambda: env.int("RETENTION_MONTHS", default=SHORTEST_RETENTION),
    must="a number of months from 13 to 120",
    fits=range(SHORTEST_RETENTION, 121).__contains__,
)
# What a scraper shows as its bearer token; without it there is no /metrics.
METRICS_TOKEN: str = _read(
    "METRICS_TOKEN",
    lambda: env.str("METRICS_TOKEN", default=""),
    must="empty, or at least 16 characters",
    fits=lambda token: not token or len(token) >= 16,  # noqa: PLR2004 -- said beside it
)

# --- Wiring: who receives what, by name -------------------------------------------------------

# For each event a class that parses and stores (orders.endpoint.Receiver), then functions that are
# called with what is stored and was awaited.
CALLBACK_HANDLERS = {
    "minigame_game_pay_goods_deliver_notify": [
        "orders.intake.Purchases",
        "aftersales.refunds.attach",
    ],
    "minigame_game_pay_refund_notify": ["aftersales.refunds.Refunds"],
}
# For each kind of job the function that does it.
JOB_KINDS: dict[str, str] = {
    "items.preview": "items.importing.run_preview",
    "items.import": "items.importing.run_import",
    "orders.export": "orders.export.ORDERS",
    "orders.resend": "orders.resending.run",
    "aftersales.export": "aftersales.export.REFUNDS",
    "audit.export": "sasvpay.audit_export.AUDIT_LOG",
}

# --- Django -----------------------------------------------------------------------------------

INSTALLED_APPS = [
    "sasvpay.kit",
    "permissions",
    "items",
    "orders",
    "aftersales",
    "sasvpay",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.forms",
    "guardian",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_htmx",
    "django_structlog",
    "csp",
    "lucide",
]

MIDDLEWARE = [
    "sasvpay.kit.middleware.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "sasvpay.kit.middleware.MachineMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "permissions.sessions.SessionLimitMiddleware",
    "permissions.sign_in.ConsoleLoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "sasvpay.kit.middleware.RefusalMiddleware",
]

# What begins like this is called by no browser, and skips all that follows MachineMiddleware.
MACHINE_PATHS = ("/callback/",)

ROOT_URLCONF = "sasvpay.urls"
WSGI_APPLICATION = "sasvpay.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "sasvpay.overview.shell",
            ],
        },
    }
]

# --- Database, cache --------------------------------------------------------------------------

_ENGINES = {"django.db.backends.sqlite3", "django.db.backends.postgresql"}
REDIS_URL: str = _read(
    "REDIS_URL",
    lambda: env.str("REDIS_URL", default=""),
    must="empty, or such as redis://host:6379/0",
    fits=lambda url: not url or urlsplit(url).scheme in {"redis", "rediss", "unix"},
)
DATABASES: dict[str, Any] = {
    "default": _read(
        "DATABASE_URL",
        lambda: env.db_url(
            "DATABASE_URL",
            default=environ.Env.NOTSET
            if PRODUCTION
            else f"sqlite:///{DATA_DIR / 'console.sqlite3'}",
        ),
        must="given as postgres://user:password@host:5432/name",
        fits=lambda found: found["ENGINE"] in _ENGINES and found["NAME"],
    )
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        # Without IMMEDIATE, 261 of 1,000 callbacks were answered "database is locked".
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    }
    # A file, so that threads of one test share the database as processes do.
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}
else:
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    DATABASES["default"]["OPTIONS"] = {
        "connect_timeout": 2,
        # A row somebody holds for longer is an outage to say so (503), not to wait for. Starting
        # parallel workers takes longer than a page of a list does, and many ask at once.
        "options": "-c lock_timeout=2s -c statement_timeout=1min -c max_parallel_workers_per_gather=0",
        "pool": {"min_size": 1, "max_size": env.int("DATABASE_POOL", default=12), "timeout": 2.5},
    }
    DATABASES["default"]["ATOMIC_REQUESTS"] = False

_DATABASE_CACHE: dict[str, Any] = {
    "BACKEND": "django.core.cache.backends.db.DatabaseCache",
    "LOCATION": "kit_cache",
    # The default of 300 would drop counters that an attacker wants dropped.
    "OPTIONS": {"MAX_ENTRIES": 100_000},
}
CACHES: dict[str, Any] = (
    {
        "default": {
            "BACKEND": "sasvpay.kit.caching.BackedRedisCache",
            "LOCATION": REDIS_URL,
            # A Redis that hangs must not hold a web thread.
            "OPTIONS": {"socket_connect_timeout": 0.5, "socket_timeout": 0.5},
        },
        # What stands behind it while Redis is away, and where nothing is forgotten with it.
        "database": _DATABASE_CACHE,
    }
    if REDIS_URL
    else {"default": _DATABASE_CACHE}
)

# --- Celery -----------------------------------------------------------------------------------

CELERY_BROKER_URL = REDIS_URL or "localhost"
CELERY_BROKER_TRANSPORT = None if REDIS_URL else "sasvpay.kit.broker:Transport"
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = (
    # A killed worker's tasks come back within seconds, not after an hour.
    {
        "visibility_timeout": 900,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        # A page that starts a job does not wait for a broker that is away: the sweep announces it.
        "max_retries": 0,
        "socket_timeout": 3,
        "socket_connect_timeout": 1,
    }
    if REDIS_URL
    else {
        "data_folder_in": str(DATA_DIR / "broker" / "queue"),
        "data_folder_out": str(DATA_DIR / "broker" / "queue"),
        "control_folder": str(DATA_DIR / "broker" / "control"),
        "polling_interval": 0.2,
    }
)
if not REDIS_URL:
    for _folder in ("queue", "control"):
        (DATA_DIR / "broker" / _folder).mkdir(parents=True, exist_ok=True)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
# A page never waits for a broker that is away: the sweep finds what it did not announce.
CELERY_TASK_PUBLISH_RETRY = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
# In development the console shows the mailbox's lines as they are; in production all is JSON.
CELERY_WORKER_REDIRECT_STDOUTS = PRODUCTION
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "beat")
# Each sweep expires before the next is due: a worker that was away does not catch up on alarms.
CELERY_BEAT_SCHEDULE = {
    "mail": {"task": "sasvpay.kit.tasks.deliver_mail", "schedule": 5.0, "options": {"expires": 5}},
    "jobs": {
        "task": "sasvpay.kit.tasks.restart_jobs",
        "schedule": 10.0,
        "options": {"expires": 10},
    },
    "exports": {
        "task": "sasvpay.kit.tasks.remove_expired_exports",
        "schedule": 600.0,
        "options": {"expires": 600},
    },
    "heartbeat": {"task": "sasvpay.kit.tasks.beat", "schedule": 10.0, "options": {"expires": 10}},
    "switches": {
        "task": "orders.tasks.follow_switches",
        "schedule": 10.0,
        "options": {"expires": 10},
    },
    "early-refunds": {
        "task": "aftersales.tasks.attach_missed",
        "schedule": 10.0,
        "options": {"expires": 10},
    },
    "leases": {
        "task": "orders.tasks.release_expired_leases",
        "schedule": 5.0,
        "options": {"expires": 5},
    },
    "sales": {"task": "orders.tasks.roll_up", "schedule": 15.0, "options": {"expires": 15}},
    "refunds": {"task": "aftersales.tasks.roll_up", "schedule": 15.0, "options": {"expires": 15}},
    "audit-anchor": {
        "task": "permissions.tasks.send_audit_anchor",
        "schedule": crontab(hour="0", minute="5"),
    },
    "certificates": {
        "task": "orders.tasks.warn_of_expiring_certificates",
        "schedule": 3600.0,
        "options": {"expires": 3600},
    },
    "paused": {
        "task": "orders.tasks.tell_paused_receivers",
        "schedule": 10.0,
        "options": {"expires": 10},
    },
    "imports": {
        "task": "items.tasks.discard_abandoned_imports",
        "schedule": 3600.0,
        "options": {"expires": 3600},
    },
}

# --- People -----------------------------------------------------------------------------------

AUTH_USER_MODEL = "permissions.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
ANONYMOUS_USER_NAME = None
# guardian only stores our grants; permissions.access answers. Its backend must not be asked.
SILENCED_SYSTEM_CHECKS = ["guardian.W001"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_ADAPTER = "permissions.sign_in.ConsoleAdapter"
_FORMS = {
    "login": "SignInForm", "reset_password": "ForgottenPasswordForm",
    "reset_password_from_key": "NewPasswordForm", "change_password": "ChangePasswordForm",
}  # fmt: skip
ACCOUNT_FORMS = {name: f"permissions.account_forms.{form}" for name, form in _FORMS.items()}
MFA_ADAPTER = "permissions.sign_in.ConsoleMfaAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
# An invitation already proved the address.
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
ACCOUNT_SESSION_REMEMBER = True
# Per account whatever address or header an attacker shows; the lock ends by itself.
ACCOUNT_RATE_LIMITS = {"login_failed": "100/m/ip,10/15m/key"}
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXIES
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Virtual payment"
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not PRODUCTION
USERSESSIONS_TRACK_ACTIVITY = True
# A second factor for the house, and for whoever changes URLs and keys.
REQUIRE_MFA = _flag("REQUIRE_MFA", default=PRODUCTION)
# In all, and without a click (permissions.sessions).
SESSION_COOKIE_AGE = 12 * 60 * 60
SESSION_IDLE_SECONDS = 30 * 60

# --- Mail -------------------------------------------------------------------------------------

if PRODUCTION or env.str("EMAIL_URL", default=""):
    _mail = _read(
        "EMAIL_URL",
        lambda: env.email_url("EMAIL_URL", default=environ.Env.NOTSET),
        must="a mail server such as smtp+tls://user:password@host:587",
        fits=lambda found: found["EMAIL_HOST"],
    )
    EMAIL_BACKEND = _mail["EMAIL_BACKEND"]
    EMAIL_HOST, EMAIL_PORT = _mail["EMAIL_HOST"], _mail["EMAIL_PORT"]
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail["EMAIL_HOST_USER"], _mail["EMAIL_HOST_PASSWORD"]
    EMAIL_USE_TLS, EMAIL_USE_SSL = (
        _mail.get("EMAIL_USE_TLS", False),
        _mail.get("EMAIL_USE_SSL", False),
    )
else:
    EMAIL_BACKEND = "sasvpay.kit.mailbox.MailboxBackend"
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default=f"console@{urlsplit(SITE_URL).hostname}")
SERVER_EMAIL = DEFAULT_FROM_EMAIL

# --- Language, time, files --------------------------------------------------------------------

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
LOCALE_PATHS = [BASE_DIR / "sasvpay" / "locale"]
USE_TZ = True
TIME_ZONE = CONSOLE_TIME_ZONE
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "sasvpay" / "static"]
MEDIA_ROOT = DATA_DIR / "media"
STATIC_ROOT.mkdir(exist_ok=True)
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
# Development serves the files from where they are; production collects, hashes and compresses them.
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = not PRODUCTION
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024

# --- Browser security -------------------------------------------------------------------------

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF],
        "font-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = LANGUAGE_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = PRODUCTION
CSRF_TRUSTED_ORIGINS = [SITE_URL]
SECURE_SSL_REDIRECT = PRODUCTION
# Probes come from inside, where there is no TLS.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60 if PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = PRODUCTION
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None

# --- API --------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Virtual payment console",
    "DESCRIPTION": "The callback that the superapp's payment backend calls.",
    "VERSION": "0.1.0",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SERVE_INCLUDE_SCHEMA": False,
}

# --- Logs -------------------------------------------------------------------------------------

LOGGING_CONFIG = "sasvpay.kit.logs.configure"
LOGGING: dict[str, Any] = {
    "json": PRODUCTION,
    # A newcomer's console shows what needs attention; production keeps a line per request.
    "level": env.str("LOG_LEVEL", default="INFO" if PRODUCTION else "WARNING"),
}
# "Upstream" is our own middleware: the id of the answer and of the audit trail is that of the logs.
DJANGO_STRUCTLOG_TRUST_UPSTREAM_REQUEST_ID = True
# One line per request, when it is answered.
DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = logging.DEBUG
DJANGO_STRUCTLOG_STATUS_4XX_LOG_LEVEL = logging.INFO

TESTING = "pytest" in sys.modules
if TESTING:
    # The real hasher's cost per sign-in would be most of the suite's time.
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
