"""Every setting of the portal, in one place; `.env.example` lists what an operator may set.

Values come from the environment, then from a `.env` file beside `manage.py`, then from what `./zikra up`
wrote into the data directory (so that `./zikra token create` reaches a portal that is running), then from defaults.
"""

from decimal import Decimal
from pathlib import Path

from django.templatetags.static import static
from django.urls import reverse_lazy

from zikra_portal.embedded.valkey import broker_url
from zikra_portal.environment import NamedEnv

BASE_DIR = Path(__file__).resolve().parent.parent
VERSION = "0.3.7"

env = NamedEnv()
env.read_env(env("ZIKRA_ENV_FILE", default=str(BASE_DIR / ".env")))
DATA_DIR = Path(env("ZIKRA_DATA_DIR", default="~/.zikra-portal")).expanduser()
# Written by `up` while it runs: DATABASE_URL, REDIS_URL and SECRET_KEY of the embedded servers.
env.read_env(DATA_DIR / "run" / "portal.env")

DEBUG = env.bool("DEBUG", default=False)
# Empty until `up` or the operator gives one; a system check (access.E001) refuses to serve without it.
SECRET_KEY = env("SECRET_KEY", default="") or "unset-secret-key-the-system-check-refuses-to-serve-with"
SECRET_KEY_IS_SET = bool(env("SECRET_KEY", default=""))
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["*"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
# Where people and agents reach the portal, for links in answers and mails.
PORTAL_URL = env("PORTAL_URL", default="http://127.0.0.1:7723").rstrip("/")

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "unfold.contrib.simple_history",
    "zikra_portal.apps.PortalConfig",
    "zikra_portal.apps.PortalAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
    "access",
    "runs",
    "memories",
    "requirements_pipeline",
    "api",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_htmx",
    "simple_history",
    "django_celery_beat",
    "django_structlog",
    "oauth2_provider",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "axes",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "zikra_portal.security.ContentSecurityPolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "zikra_portal.reader_zone.ReaderTimeZoneMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "zikra_portal.session_ended.SessionEndedMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    "axes.middleware.AxesMiddleware",
]
# Requests that bear a token, at the addresses where agents call: no session, message or form concerns them.
AGENTS_MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "zikra_portal.security.ContentSecurityPolicyMiddleware",
    "zikra_portal.request_id.RequestIdMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "zikra_portal.urls"
WSGI_APPLICATION = "zikra_portal.wsgi.application"
APPEND_SLASH = False

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
                "zikra_portal.frame.frame",
            ],
        },
    },
]

# --- PostgreSQL -------------------------------------------------------------------------------------------------
_database = env.db_url("DATABASE_URL", default="postgresql://postgres@/zikra?host=/nonexistent/zikra-is-not-running")
# The few statements of a search are the same each time: PostgreSQL plans them once for a connection, which answered
# about a tenth more of them. A pooler that shares connections between transactions must know prepared statements, or be told.
_prepared = (
    {"server_side_binding": True, "prepare_threshold": 5}
    if env.bool("DATABASE_PREPARED_STATEMENTS", default=True)
    else {}
)
DATABASES = {
    "default": {
        **_database,
        "ENGINE": "zikra_portal.postgresql",
        # A thread of gunicorn keeps its connection; the health check replaces one whose server went away.
        "CONN_MAX_AGE": env.int("DATABASE_CONNECTION_SECONDS", default=300),
        "CONN_HEALTH_CHECKS": True,
        # pgvector goes on looking until a filter has let enough neighbours through (its documentation, "iterative
        # index scans"). How many are looked at first goes with the graph of memories/embedding/spaces.py. Statements are
        # short, so compiling them costs more than it saves.
        "OPTIONS": {
            **_database.get("OPTIONS", {}),
            "options": "-c hnsw.iterative_scan=relaxed_order -c hnsw.ef_search=160 -c jit=off",
            **_prepared,
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Redis protocol: cache, rates, Celery's broker --------------------------------------------------------------
REDIS_URL = env("REDIS_URL", default="redis://127.0.0.1:6379/0")
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "zikra",
        "OPTIONS": {"socket_timeout": 2, "socket_connect_timeout": 1},
    }
}
CELERY_BROKER_URL = broker_url(REDIS_URL)
# Sending must never hold up a save: one quick try, and the beat sweep finds what was not sent.
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_timeout": 2, "socket_connect_timeout": 1, "visibility_timeout": 3600}
CELERY_TASK_PUBLISH_RETRY = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_TIME_LIMIT = 3600
CELERY_BEAT_SCHEDULER = "zikra_portal.beat:PatientScheduler"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"

# --- People -----------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "access.Member"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "access.permissions.RolePermissionBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = reverse_lazy("account_login")
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email", "password1*", "password2*"]
ACCOUNT_ADAPTER = "access.login.PortalAccountAdapter"
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_REDIRECT_URL = reverse_lazy("account_login")
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
AXES_FAILURE_LIMIT = env.int("LOGIN_FAILURE_LIMIT", default=10)
AXES_COOLOFF_TIME = 1  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
AXES_USERNAME_CALLABLE = "access.login.tried_name"
AXES_LOCKOUT_TEMPLATE = "account/locked_out.html"
# Without a mail server named here, members are told in the portal only.
EMAIL_IS_SET = bool(env("EMAIL_URL", default=""))
EMAIL_CONFIG = env.email_url("EMAIL_URL", default="consolemail://")
vars().update(EMAIL_CONFIG)
DEFAULT_FROM_EMAIL = env("DEFAULT_FROM_EMAIL", default="portal@localhost")

# --- Security of pages ------------------------------------------------------------------------------------------
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env.bool("HTTPS_ONLY", default=False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("BEHIND_PROXY", default=False) else None
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# --- Static files -----------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
# Only the container image collects; whitenoise warns about a directory that is not there.
_collected = BASE_DIR / "staticfiles"
STATIC_ROOT = _collected if _collected.is_dir() or env.bool("COLLECT_STATIC", default=False) else None
STATICFILES_DIRS = [BASE_DIR / "static"]
# Served straight from the packages, so that a first start needs no collectstatic; the container image collects.
WHITENOISE_USE_FINDERS = True

LANGUAGE_CODE = "en"
USE_I18N = False
TIME_ZONE = "UTC"
USE_TZ = True
DATE_FORMAT = "j M Y"
DATETIME_FORMAT = "j M Y, H:i"

# --- Agents' doors ----------------------------------------------------------------------------------------------
# The largest request body, in bytes; the contract's default is 1 MiB.
MAX_BODY_BYTES = env.int("MAX_BODY_BYTES", default=1024 * 1024)
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_BODY_BYTES
# Commands a minute for a token that has no rate of its own; 0 means no limit.
TOKEN_RATE_PER_MINUTE = env.int("TOKEN_RATE_PER_MINUTE", default=1200)
IDEMPOTENCY_DAYS = 7
# Hooks: the largest body in bytes (the contract's 10 MiB); kinds of events that are not kept, such as pre-tool-use;
# whether events of agents that an agent started are kept beside its own.
CAPTURE_BODY_BYTES = env.int("CAPTURE_BODY_BYTES", default=10 * 1024 * 1024)
CAPTURE_DROPPED_EVENTS = frozenset(env.list("CAPTURE_DROPPED_EVENTS", default=[]))
CAPTURE_SUBAGENTS = env.bool("CAPTURE_SUBAGENTS", default=False)
# What hooks told is kept so long as it came; runs, pages and handoffs made of it stay.
CAPTURE_DAYS = env.int("CAPTURE_DAYS", default=30)

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["api.authentication.RoleTokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Zikra portal",
    "DESCRIPTION": "A team's shared memory for AI coding agents: one endpoint, every command.",
    "VERSION": VERSION,
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

# --- OAuth: clients that members let in -------------------------------------------------------------------------
# Only what the library still decides here: which clients there are and where they may lead. Grants, codes and tokens
# are the portal's own (access/clients.py), and its server knows no grant but the authorization code.
# Whether a client may name itself by the address of a document, which the portal then fetches. A portal that cannot reach
# the internet says no, and clients register instead.
OAUTH_CLIENT_DOCUMENTS = env.bool("OAUTH_CLIENT_DOCUMENTS", default=True)
OAUTH2_PROVIDER_APPLICATION_MODEL = "oauth2_provider.Application"
OAUTH2_PROVIDER = {
    "SCOPES": {"zikra": "The team's memory, with the role and the projects that the member chose"},
    "ALLOW_LOCALHOST_LOOPBACK": True,
    "CIMD_ENABLED": OAUTH_CLIENT_DOCUMENTS,
    "CIMD_METADATA_FETCHER": "api.oauth.client_documents.ClientDocuments",
    "REFRESH_TOKEN_REUSE_PROTECTION": True,
    **{
        f"COMPLIANT_BCP_RFC9700_{gate}": True
        for gate in (
            "IMPLICIT_GRANT", "PASSWORD_GRANT", "PKCE_METHOD", "ACCESS_TOKEN_TRANSPORT", "AUTHZ_RESPONSE_ISS",
            "TOKEN_STORAGE", "REFRESH_TOKEN", "REDIRECT_URI_MATCHING", "PKCE_REQUIRED",
        )
    },
}  # fmt: skip
# The library warns of plain http; api/oauth/redirects.py lets it lead to the member's own machine only.
SILENCED_SYSTEM_CHECKS = ["oauth2_provider.W008"]
# Let client-id documents be fetched from this machine and its network: for development and tests alone.
OAUTH_PRIVATE_CLIENT_DOCUMENTS = env.bool("OAUTH_PRIVATE_CLIENT_DOCUMENTS", default=False)

# --- Search -----------------------------------------------------------------------------------------------------
# Shares of the two legs in a result's relevance; see memories/ranking.py for what they weigh.
SEARCH_SEMANTIC_WEIGHT = env.float("SEARCH_SEMANTIC_WEIGHT", default=0.7)
SEARCH_KEYWORD_WEIGHT = env.float("SEARCH_KEYWORD_WEIGHT", default=0.3)

# --- Embeddings -------------------------------------------------------------------------------------------------
# "embedded" (the model inside the wheel), "openai" (any OpenAI-compatible endpoint) or "none" (keywords only).
EMBEDDING_PROVIDER = env("EMBEDDING_PROVIDER", default="embedded")
EMBEDDING_MODEL = env("EMBEDDING_MODEL", default="multilingual-e5-small-q4")
EMBEDDING_DIMENSIONS = env.int("EMBEDDING_DIMENSIONS", default=384)
EMBEDDING_URL = env("EMBEDDING_URL", default="https://api.openai.com/v1")
# Some models want a word before each text, such as "query: " and "passage: " for the E5 family.
EMBEDDING_QUERY_PREFIX = env("EMBEDDING_QUERY_PREFIX", default="")
EMBEDDING_PASSAGE_PREFIX = env("EMBEDDING_PASSAGE_PREFIX", default="")
EMBEDDING_API_KEY = env("EMBEDDING_API_KEY", default="")
EMBEDDING_TIMEOUT_SECONDS = env.float("EMBEDDING_TIMEOUT_SECONDS", default=10.0)

# --- A language model ------------------------------------------------------------------------------------------
# Any OpenAI-compatible endpoint: proposes better pages of sessions, decisions and errors. Without a model named here
# the pages written by rule stand, and nothing is sent anywhere.
LLM_URL = env("LLM_URL", default="https://api.openai.com/v1")
LLM_MODEL = env("LLM_MODEL", default="")
LLM_API_KEY = env("LLM_API_KEY", default="")
LLM_TIMEOUT_SECONDS = env.float("LLM_TIMEOUT_SECONDS", default=60.0)

# --- Decay ------------------------------------------------------------------------------------------------------
# Below this confidence the nightly job archives a memory.
# Silence after which a run that has not ended is shown as stale.
RUN_STALE_SECONDS = env.int("RUN_STALE_SECONDS", default=600)
# A run's costs belong to the day that it started on, in this zone. Past runs keep their day when it changes.
COST_TIME_ZONE = env("COST_TIME_ZONE", default="UTC")
# Costs are kept in US dollars and shown in this currency, so many of which make one dollar.
COST_CURRENCY = env("COST_CURRENCY", default="USD").upper()
COST_CURRENCY_RATE = env("COST_CURRENCY_RATE", cast=Decimal, default=Decimal(1))
ARCHIVE_THRESHOLD = env.float("ARCHIVE_THRESHOLD", default=0.1)

# --- Logs -------------------------------------------------------------------------------------------------------
from zikra_portal.logs import logging_configuration  # noqa: E402

# Lines of commands name the client as BEHIND_PROXY says; the middleware's own guess believes any header.
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False
LOGGING = logging_configuration(
    json_lines=env.bool("LOG_JSON", default=not DEBUG), level=env("LOG_LEVEL", default="INFO")
)

UNFOLD = {
    "SITE_TITLE": "Zikra portal",
    "SITE_HEADER": "Zikra portal",
    "SITE_SYMBOL": "hub",
    "SITE_URL": "/",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "6px",
    "STYLES": [lambda request: static("portal.css")],
    "SCRIPTS": [lambda request: static("portal.js")],
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("portal.svg")}],
    # The names of static/portal.css: one accent and one row of greys for pages and admin.
    "COLORS": {
        "base": {str(weight): f"var(--grey-{weight})" for weight in (50, *range(100, 1000, 100), 950)},
        "primary": {str(weight): f"var(--accent-{weight})" for weight in (50, *range(100, 1000, 100), 950)},
    },
    "SIDEBAR": {"show_search": False, "navigation": "zikra_portal.admin_site.navigation"},
    "ACCOUNT": {
        "navigation": [
            {"title": "Change password", "link": reverse_lazy("account_change_password")},
            {"title": "Two-factor login", "link": reverse_lazy("mfa_index")},
        ]
    },
}
