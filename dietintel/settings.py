"""DietIntel's settings. What an installation may choose comes from the environment; deploy/example.env lists it."""

import os
import sys
from pathlib import Path
from typing import Any

import dj_database_url
from csp.constants import NONE, SELF
from django.utils.translation import gettext_lazy as _

from dietintel import environment as env

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = env.folder("DATA_DIR", BASE_DIR / "data")
SECRET_KEY = env.secret_key(DATA_DIR)
DEBUG = env.flag("DEBUG", default=False)

# --- The service -------------------------------------------------------------------------------------------------
HOST = env.text("HOST", "127.0.0.1")
PORT = env.whole("PORT", 8000, least=1, most=65535)
WEB_WORKERS = env.whole("WEB_WORKERS", 1, least=1, most=64)
WEB_THREADS = env.whole("WEB_THREADS", 4, least=2, most=256)
SHUTDOWN_TIMEOUT = env.whole("SHUTDOWN_TIMEOUT", 25, least=1, most=600)  # seconds
MAX_CONCURRENT_REQUESTS = env.whole("MAX_CONCURRENT_REQUESTS", 2, least=1, most=64)
TLS_CERT, TLS_KEY = env.text("TLS_CERT"), env.text("TLS_KEY")
if bool(TLS_CERT) != bool(TLS_KEY):
    raise env.refuse("TLS_CERT", "and TLS_KEY belong together: set both or neither")
for _name, _file in (("TLS_CERT", TLS_CERT), ("TLS_KEY", TLS_KEY)):
    if _file and not Path(_file).is_file():
        raise env.refuse(_name, f"is {_file}, and there is no such file")
if TLS_KEY and "-----BEGIN PRIVATE KEY-----" not in Path(TLS_KEY).read_text(errors="replace"):
    raise env.refuse("TLS_KEY", "is not in PKCS#8 form; openssl pkcs8 -topk8 -nocrypt -in OLD -out NEW makes it so")
ROLE = env.choice("DIETINTEL_ROLE", "command", ("command", "web", "worker", "watch"))  # set by `serve` for its children

ALLOWED_HOSTS = env.hosts("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env.origins("TRUSTED_ORIGINS")
SIGNUP = env.choice("SIGNUP", "first", ("first", "open", "closed"))

# --- Providers of food data -------------------------------------------------------------------------------------
PROVIDER_ORDER = env.words("PROVIDER_ORDER", "openfoodfacts,fdc,fatsecret")
OFF_BASE_URL = env.address("OFF_BASE_URL", "https://world.openfoodfacts.org")
OFF_SEARCH_URL = env.address("OFF_SEARCH_URL", "https://search.openfoodfacts.org")
OFF_CONTACT = env.text("OFF_CONTACT")
FDC_BASE_URL = env.address("FDC_BASE_URL", "https://api.nal.usda.gov/fdc/v1")
FDC_API_KEY = env.text("FDC_API_KEY")  # without it the provider is off
FATSECRET_BASE_URL = env.address("FATSECRET_BASE_URL", "https://platform.fatsecret.com")
FATSECRET_TOKEN_URL = env.address("FATSECRET_TOKEN_URL", "https://oauth.fatsecret.com/connect/token")
FATSECRET_CLIENT_ID = env.text("FATSECRET_CLIENT_ID")  # without these two the provider is off
FATSECRET_CLIENT_SECRET = env.text("FATSECRET_CLIENT_SECRET")
if bool(FATSECRET_CLIENT_ID) != bool(FATSECRET_CLIENT_SECRET):
    raise env.refuse("FATSECRET_CLIENT_ID", "and FATSECRET_CLIENT_SECRET belong together: set both or neither")

# --- Photos and their recognition --------------------------------------------------------------------------------
UPLOAD_DIR = env.folder("UPLOAD_DIR", DATA_DIR / "uploads")
PHOTO_RETENTION_DAYS = env.whole("PHOTO_RETENTION_DAYS", 365, most=36_500)  # 0: until the person deletes them
MODEL_PATH = Path(env.text("MODEL_PATH", str(DATA_DIR / "model.onnx")))
FOOD_MAPPING_PATH = Path(env.text("FOOD_MAPPING_PATH", str(DATA_DIR / "food_mapping.json")))
VISION_BASE_URL = env.address("VISION_BASE_URL")  # without it, and without a model, no photo is sent anywhere
VISION_MODEL = env.text("VISION_MODEL")
VISION_API_KEY = env.text("VISION_API_KEY")
if VISION_BASE_URL and not VISION_MODEL:
    raise env.refuse("VISION_MODEL", "is not set, and VISION_BASE_URL needs to know which model to ask")

# --- Applications -----------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    # The admin of each app is loaded where there are pages: it takes 10 MiB with what it shows.
    "django.contrib.admin.apps.SimpleAdminConfig" if ROLE in {"worker", "watch"} else "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.forms",
    "django_htmx",
    "django_q",
    *([] if ROLE == "worker" else ["health_check"]),  # the worker measures nothing
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "csp",
    "dietintel",
    "dietintel.accounts",
    "dietintel.gateway",
    "workflows",
    "products",
    "tracking",
    "monitoring",
]
MIDDLEWARE = [
    "dietintel.http.RequestIdMiddleware",
    "dietintel.http_metrics.HttpMetricsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "dietintel.http.SecurityHeadersMiddleware",
    "dietintel.http.ApiSlashMiddleware",
    "dietintel.api_errors.BodyLimitMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "dietintel.accounts.middleware.TimeZoneMiddleware",
]
ROOT_URLCONF = "dietintel.urls"
WSGI_APPLICATION = "dietintel.wsgi.application"
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
    }
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Database and cache -----------------------------------------------------------------------------------------
# Measured: with Django's defaults four web threads beside two workers answer most writes with "database is locked";
# with these (WAL, the write lock taken at BEGIN) there are no errors. CONN_MAX_AGE=None keeps the pragmas in force.
SQLITE_PATIENCE_S = 20
SQLITE_OPTIONS = {
    "transaction_mode": "IMMEDIATE",
    "timeout": SQLITE_PATIENCE_S,
    "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;PRAGMA mmap_size=134217728;"
    "PRAGMA journal_size_limit=27103364;PRAGMA cache_size=2000",
}


POSTGRES_PATIENCE_S = 3  # for a connection; a person waits for the sentence that there is none


def _database() -> dict[str, object]:
    url = env.text("DATABASE_URL")
    if not url:
        file = DATA_DIR / "dietintel.sqlite3"
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": file,
            "CONN_MAX_AGE": None,
            "OPTIONS": SQLITE_OPTIONS,
            # A file even under test: threads and processes share it as they do in service.
            "TEST": {"NAME": DATA_DIR / "test.sqlite3"},
        }
    try:
        parsed: dict[str, Any] = dict(dj_database_url.parse(url))
    except ValueError as error:
        raise env.refuse("DATABASE_URL", "is not an address like postgres://user:password@host/name") from error
    options = parsed.get("OPTIONS", {})
    if parsed["NAME"] in {"", ":memory:"} and "service" not in options:
        raise env.refuse("DATABASE_URL", "names no database; its name is the last part of postgres://user@host/name")
    if parsed["ENGINE"] == "django.db.backends.sqlite3":
        return {**parsed, "CONN_MAX_AGE": None, "OPTIONS": {**SQLITE_OPTIONS, **options}}
    if parsed["ENGINE"] != "django.db.backends.postgresql":
        raise env.refuse(
            "DATABASE_URL", "names a database that DietIntel does not run on; use postgres:// or leave it out"
        )
    options = {"connect_timeout": POSTGRES_PATIENCE_S, **options}
    if ROLE == "web":
        from dietintel.postgres import ImpatientConnection

        # A pool only here: a pool inherited by the worker's forks hangs them.
        pool = {
            "min_size": 1,
            "max_size": WEB_THREADS + 1,
            "timeout": POSTGRES_PATIENCE_S,
            "reconnect_timeout": POSTGRES_PATIENCE_S,  # then the next request tries: a pool's own pauses double
            "connection_class": ImpatientConnection,
        }
        return {**parsed, "CONN_MAX_AGE": 0, "OPTIONS": {**options, "pool": pool}}
    return {**parsed, "OPTIONS": options, "CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}


DATABASES = {"default": _database()}
EMBEDDED = DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3"
REDIS_URL = env.text("REDIS_URL")
if REDIS_URL and not REDIS_URL.startswith(("redis://", "rediss://", "unix://")):
    raise env.refuse("REDIS_URL", "is not an address like redis://host:6379/0")

DATABASE_ROUTERS = ["dietintel.cache.CacheRouter"]


def redis_cache(url: str) -> dict[str, dict[str, Any]]:
    """CACHES with the Redis at `url`."""
    return {
        "default": {
            "BACKEND": "dietintel.redis_cache.DisposableRedisCache",
            "LOCATION": url,
            "KEY_PREFIX": "dietintel",
            "OPTIONS": {
                "SOCKET_CONNECT_TIMEOUT": 0.3,
                "SOCKET_TIMEOUT": 0.5,
                "SERIALIZER": "django_redis.serializers.json.JSONSerializer",
                "IGNORE_EXCEPTIONS": True,
                "REDIS_CLIENT_CLASS": "dietintel.redis_cache.BriefRedis",
            },
        }
    }


if REDIS_URL:
    CACHES = redis_cache(REDIS_URL)
else:
    CACHES = {
        "default": {
            "BACKEND": "dietintel.cache.DisposableDatabaseCache",
            "LOCATION": "dietintel_cache",
            "OPTIONS": {"MAX_ENTRIES": 20_000},
        }
    }
    if EMBEDDED:
        DATABASES["cache"] = {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": DATA_DIR / "cache.sqlite3",
            "CONN_MAX_AGE": None,
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 2,
                "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=OFF",
            },
            # No migration makes its one table, and to find that out takes as long as to migrate the other database.
            "TEST": {"NAME": DATA_DIR / "test_cache.sqlite3", "MIGRATE": False},
        }
# Others import these wherever they are installed, unused: None here is "not installed" to an import. Redis takes 6 MiB
# of every process of the service, psycopg 5 MiB of the web server (python -m benchmarks.memory).
UNUSED = [name for name, used in {"redis": bool(REDIS_URL), "psycopg": not EMBEDDED}.items() if not used]
if ROLE != "command":
    sys.modules |= dict.fromkeys(UNUSED)  # type: ignore[arg-type]
DJANGO_REDIS_LOG_IGNORED_EXCEPTIONS = False  # BriefRedis says it in one line, and not again while it waits

SESSION_ENGINE = "dietintel.accounts.sessions"
SESSION_COOKIE_AGE = 60 * 60 * 24 * 90  # seconds; a diary is opened every day, a login should last

Q_CLUSTER = {
    "name": "dietintel",
    "broker_class": "workflows.broker.LaneBroker",
    "orm": "default",  # the queue lives in the application's database: no task is lost with a killed worker
    "workers": MAX_CONCURRENT_REQUESTS,
    "timeout": 60,  # seconds, of what brings no limit of its own
    "retry": 90,  # not used: LaneBroker leases for seconds, and renews while the work goes on
    "poll": 0.1,  # seconds
    "queue_limit": 64,
    "max_attempts": 0,
    "save_limit": -1,
    "catch_up": False,
    "guard_cycle": 0.5,
}

# --- People and safety ------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 8}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
_https = bool(TLS_CERT) or (
    bool(CSRF_TRUSTED_ORIGINS) and all(origin.startswith("https://") for origin in CSRF_TRUSTED_ORIGINS)
)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
CSRF_FAILURE_VIEW = "dietintel.api_errors.csrf_failure"
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],  # data: for the admin's and Swagger's inline icons
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000  # bytes of a form or JSON body; files are counted apart
MAX_UPLOAD_BYTES = 12_000_000
MAX_UPLOAD_PIXELS = 60_000_000

MONITORING_TOKEN = env.text("MONITORING_TOKEN")

# --- Health: below or above what something is called degraded or unhealthy ----------------------------------------
HEALTH_DATABASE_SLOW_MS = env.whole("HEALTH_DATABASE_SLOW_MS", 250, least=1)
HEALTH_WAL_MB = env.whole("HEALTH_WAL_MB", 64, least=1)
HEALTH_CACHE_SLOW_MS = env.whole("HEALTH_CACHE_SLOW_MS", 50, least=1)
# Of free space: the smaller of the two counts.
HEALTH_DISK_DEGRADED_PERCENT = env.whole("HEALTH_DISK_DEGRADED_PERCENT", 15, most=100)
HEALTH_DISK_DEGRADED_MB = env.whole("HEALTH_DISK_DEGRADED_MB", 10_000)
HEALTH_DISK_UNHEALTHY_PERCENT = env.whole("HEALTH_DISK_UNHEALTHY_PERCENT", 5, most=100)
HEALTH_DISK_UNHEALTHY_MB = env.whole("HEALTH_DISK_UNHEALTHY_MB", 1_000)
HEALTH_MEMORY_DEGRADED_PERCENT = env.whole("HEALTH_MEMORY_DEGRADED_PERCENT", 80, least=1, most=100)
HEALTH_MEMORY_UNHEALTHY_PERCENT = env.whole("HEALTH_MEMORY_UNHEALTHY_PERCENT", 92, least=1, most=100)
HEALTH_CPU_PERCENT = env.whole("HEALTH_CPU_PERCENT", 90, least=1, most=100)
HEALTH_QUEUE_WAIT_S = env.whole("HEALTH_QUEUE_WAIT_S", 10, least=1)
HEALTH_QUEUE_STUCK_S = env.whole("HEALTH_QUEUE_STUCK_S", 15, least=3)
HEALTH_SCHEDULE_LATE_S = env.whole("HEALTH_SCHEDULE_LATE_S", 120, least=60)
HEALTH_PROVIDER_ERRORS_PERCENT = env.whole("HEALTH_PROVIDER_ERRORS_PERCENT", 20, least=1, most=100)
for _less, _more in (
    ("HEALTH_MEMORY_DEGRADED_PERCENT", "HEALTH_MEMORY_UNHEALTHY_PERCENT"),
    ("HEALTH_DISK_UNHEALTHY_PERCENT", "HEALTH_DISK_DEGRADED_PERCENT"),
    ("HEALTH_DISK_UNHEALTHY_MB", "HEALTH_DISK_DEGRADED_MB"),
):
    if globals()[_less] > globals()[_more]:
        raise env.refuse(_less, f"is {globals()[_less]}, which is more than {_more}")
HEALTH_FILE = DATA_DIR / "health.json"  # what the watch found last; read by every process
RESTART_WORKER_FILE = DATA_DIR / "restart-worker"  # whoever writes it asks `serve` to start its worker again

# --- Alerts -----------------------------------------------------------------------------------------------------
_mail = env.mail("EMAIL_URL")
globals().update(_mail)
SENDS_MAIL = bool(_mail)
ALERT_EMAIL = env.words("ALERT_EMAIL")
if ALERT_EMAIL and not _mail:
    raise env.refuse("ALERT_EMAIL", "needs EMAIL_URL: without a mail server nothing can be sent")
if "DEFAULT_FROM_EMAIL" not in _mail:
    _sender = _mail.get("EMAIL_HOST_USER") or ""
    DEFAULT_FROM_EMAIL = _sender if "@" in _sender else (ALERT_EMAIL or ["dietintel@localhost"])[0]
ALERT_WEBHOOK_URL = env.address("ALERT_WEBHOOK_URL", query=True)
PING_URL = env.address("PING_URL", query=True)

# --- API --------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "dietintel.accounts.authentication.TokenAuthentication",
        "dietintel.accounts.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": [
        "rest_framework.renderers.JSONRenderer",
        "rest_framework.renderers.BrowsableAPIRenderer",
    ],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_VERSIONING_CLASS": "rest_framework.versioning.NamespaceVersioning",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_THROTTLE_RATES": {
        "login": "10/min",
        "login_name": "20/min",
        "signup": "10/hour",
        "mail": "5/hour",
        "upload": "120/min",
        "upstream": "60/min",
    },
    "NUM_PROXIES": env.whole("TRUSTED_PROXIES", 0, most=10),  # of X-Forwarded-For, what these wrote is believed
    "EXCEPTION_HANDLER": "dietintel.api_errors.handle",
    # Python's own reading of ISO 8601 takes "12,5" for noon, and drops an offset.
    "TIME_INPUT_FORMATS": ["%H:%M", "%H:%M:%S", "%H:%M:%S.%f"],
    "COERCE_DECIMAL_TO_STRING": False,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "DietIntel",
    "DESCRIPTION": "Know what you eat, on your own server.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    # A food's basis, and a portion's, which may be counted in servings too.
    "ENUM_NAME_OVERRIDES": {
        "BasisEnum": "products.models.Basis",
        "PortionBasisEnum": "tracking.models.Basis",
        "RunState": "workflows.states.RunState",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "dietintel.api_schema.complete",
    ],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

# --- Language, time, files --------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

# --- Logs -------------------------------------------------------------------------------------------------------
ACCESS_LOG = env.flag("ACCESS_LOG", default=True)
LOG_LEVEL = env.choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR"))
LOG_FORMAT = env.choice("LOG_FORMAT", "text" if DEBUG or os.isatty(2) else "json", ("json", "text"))
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "request_id": {"()": "dietintel.logs.RequestIdFilter"},
        "crashes": {"()": "dietintel.logs.CrashFilter"},
    },
    "formatters": {
        "json": {
            "()": "pythonjsonlogger.json.JsonFormatter",
            "fmt": "%(levelname)s %(name)s %(message)s %(request_id)s",
            "rename_fields": {"levelname": "level", "name": "logger"},
            "timestamp": "at",
        },
        "text": {"format": "%(asctime)s %(levelname)-7s %(name)s [%(request_id)s] %(message)s"},
    },
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT, "filters": ["request_id"]},
    },
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "django.request": {"filters": ["crashes"]},
        "dietintel.access": {"level": "INFO" if ACCESS_LOG else "WARNING"},
        "django-q": {"handlers": ["console"], "level": "WARNING", "propagate": False},
    },
}
