"""Every Django setting, declared once (``DJANGO_SETTINGS_MODULE=watchkeeper.settings``).

Two values come from the environment and are set by the programs before Django starts:

    WATCHKEEPER_STATE   the state directory (mode 0700): main.db, secret.key, locks
    DATABASE_URL        optional, postgresql://user:password@host:port/name: keeps the main store there instead

Two connections to the same data: ``default`` writes (immediate transactions, durable at commit), ``reader`` is refused
every write by the database itself.
"""

from __future__ import annotations

import os
import secrets
import zlib
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from watchkeeper.core.errors import Invalid

PACKAGE = Path(__file__).resolve().parent

SQLITE_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "journal_size_limit=67108864")
BUSY_TIMEOUT_S = 20
POSTGRESQL_IDLE_S = 4
"""A writing transaction that stands still for so long is ended: its node is frozen or gone, and all others wait for it."""
POSTGRESQL_ALIVE = "-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3"
"""The server notices a machine that is gone, and with it lets go of its locks."""
POSTGRESQL_KEEPALIVE: dict[str, str] = {
    "connect_timeout": "5", "keepalives_idle": "5", "keepalives_interval": "2", "keepalives_count": "3",
}  # fmt: skip
"""The same on our side."""


def state_directory() -> Path:
    """The state directory, made with mode 0700 when it is not there. Raises `Invalid` when it is not named."""
    named = os.environ.get("WATCHKEEPER_STATE", "")
    if not named:
        raise Invalid(
            "The state directory is not known: WATCHKEEPER_STATE is not set.",
            "Start watchkeeper with `wk`, or set WATCHKEEPER_STATE to a directory of yours.",
        )
    path = Path(named)
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def secret_key(state: Path) -> str:
    """The signing key of this installation, made once (``secret.key``, mode 0600)."""
    path = state / "secret.key"
    if not path.exists():
        fresh = path.with_name(f"secret.key.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(48))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(fresh, path)  # never replaces the key of a process that was first
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    key = path.read_text(encoding="ascii").strip()
    if len(key) < 32:
        raise Invalid(f"The signing key {path} is damaged: it holds {len(key)} characters, at least 32 are expected.",
                      "Delete the file and start again; whoever is signed in has to sign in again.")  # fmt: skip
    return key


def databases(state: Path, url: str = "") -> dict[str, dict[str, object]]:
    """The writing connection and the reading connection of one main store, in Django's form."""
    if url:
        return _postgresql(url)
    return {"default": _sqlite(state / "main.db", "IMMEDIATE"), "reader": _sqlite(state / "main.db", "DEFERRED")}


def _sqlite(path: Path, mode: str) -> dict[str, object]:
    pragmas = SQLITE_PRAGMAS if mode == "IMMEDIATE" else ("query_only=ON",)
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(path),
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            "transaction_mode": mode,
            "timeout": BUSY_TIMEOUT_S,
            "init_command": ";".join(f"PRAGMA {pragma}" for pragma in pragmas),
        },
    }


def _postgresql(url: str) -> dict[str, dict[str, object]]:
    parts = urlsplit(url)
    if parts.scheme not in ("postgresql", "postgres") or not parts.path.strip("/"):
        raise Invalid(
            "DATABASE_URL does not name a PostgreSQL database.",
            "It has the form postgresql://user:password@host:port/name.",
        )
    options: dict[str, object] = dict(parse_qsl(parts.query))
    common: dict[str, object] = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.strip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or str(options.pop("host", ""))),
        "PORT": str(parts.port or options.pop("port", "")),
        "CONN_MAX_AGE": None,
    }
    reading = (
        f"{POSTGRESQL_ALIVE} -c default_transaction_read_only=on -c default_transaction_isolation=repeatable\\ read"
    )
    writing = (
        f"{POSTGRESQL_ALIVE} -c synchronous_commit=on -c lock_timeout={BUSY_TIMEOUT_S}s"
        f" -c idle_in_transaction_session_timeout={POSTGRESQL_IDLE_S}s"
    )
    options = {**POSTGRESQL_KEEPALIVE, **options}
    return {
        "default": common | {"OPTIONS": options | {"options": writing}},
        "reader": common | {"OPTIONS": options | {"options": reading}},
    }


_state = state_directory()

SECRET_KEY = secret_key(_state)
DEBUG = False
ALLOWED_HOSTS = ["*"]  # faces.web.guard is asked first, and knows the address of the team

DATABASES = databases(_state, os.environ.get("DATABASE_URL", ""))
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "watchkeeper.store.apps.StoreConfig",
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
]
AUTH_USER_MODEL = "store.Account"

# Order matters. The web face adds its own below the standard two (sign-in, security headers, request limits).
MIDDLEWARE = [
    "watchkeeper.faces.api.problems.Edge",
    "django.middleware.security.SecurityMiddleware",
    "watchkeeper.faces.web.guard.Guard",
    "django.middleware.gzip.GZipMiddleware",
    "watchkeeper.identity.sessions.Sessions",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["watchkeeper.identity.passwords.Argon2"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("name", "email")},
    },
]

DATA_UPLOAD_MAX_MEMORY_SIZE = 16 * 1024 * 1024
"""An entry of the log with an attachment of 10 MB, as the API takes it."""

ROOT_URLCONF = "watchkeeper.programs.urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [PACKAGE / "faces" / "web" / "templates"],
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "watchkeeper.faces.web.sign_in.around",
            ],
            "builtins": ["watchkeeper.faces.web.marks", "watchkeeper.faces.web.account_marks"],
        },
    }
]

CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": {"MAX_ENTRIES": 20_000}},
}
"""Holds the tries at sign-in; so many, that nobody makes it forget a name by trying others."""

USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
LOGGING_CONFIG = None  # the programs set up logging

SESSION_COOKIE_NAME = f"watchkeeper-{zlib.crc32(str(_state).encode()):08x}"
"""One per installation: two watchkeepers on one machine do not sign each other out."""
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Strict"
CSRF_COOKIE_SAMESITE = "Strict"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_NAME = "watchkeeper-csrf"
CSRF_COOKIE_AGE = None
CSRF_FAILURE_VIEW = "watchkeeper.faces.web.pages.form_refused"
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"

ACCOUNT_USER_MODEL_USERNAME_FIELD = "name"
ACCOUNT_USER_MODEL_EMAIL_FIELD = "email"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
LOGIN_URL = "/account/sign-in"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGOUT_REDIRECT_URL = LOGIN_URL
ACCOUNT_ADAPTER = "watchkeeper.identity.signing_in.Adapter"
ACCOUNT_SESSION_REMEMBER = True
"""For SESSION_COOKIE_AGE, whatever the browser does."""
ACCOUNT_RATE_LIMITS = {"login": "30/m/ip", "login_failed": "10/m/ip,5/15m/key", "reauthenticate": "10/m/user"}
"""key: a name, or the second factor of an account. In memory of main: a start anew forgets them."""
ACCOUNT_REAUTHENTICATION_TIMEOUT = 900
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_ADAPTER = "watchkeeper.identity.signing_in.FactorAdapter"
MFA_FORMS = {
    "authenticate": "watchkeeper.identity.forms.Authenticate",
    "reauthenticate": "watchkeeper.identity.forms.Reauthenticate",
    "add_webauthn": "watchkeeper.identity.passkey_forms.Add",
    "authenticate_webauthn": "watchkeeper.identity.passkey_forms.Authenticate",
    "login_webauthn": "watchkeeper.identity.passkey_forms.SignIn",
    "reauthenticate_webauthn": "watchkeeper.identity.passkey_forms.Reauthenticate",
}
MFA_TOTP_TOLERANCE = 1
"""Periods before and after, when an authenticator is set up; afterwards `identity.factors` decides."""
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_RATE_LIMITS = {"webauthn_login": "10/m/ip"}
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_WEBAUTHN_USER_VERIFICATION = "required"
