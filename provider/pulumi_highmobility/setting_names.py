"""Each setting by its names: the key in the stack's config and the variable in the environment."""

from __future__ import annotations

from dataclasses import dataclass

from .text import visible

NAMESPACE = "highmobility"
# A longer value of a setting that takes a word, a number or a URL is not quoted in a message.
LONGEST_SHOWN = 200


@dataclass(frozen=True)
class Setting:
    """One setting: its key in the stack's config and its variable in the environment."""

    config: str
    environment: str
    secret: bool = False
    # A twin variable that names a file with the value.
    environment_file: str | None = None

    @property
    def names(self) -> str:
        """Both names, for messages."""
        return f"{NAMESPACE}:{self.config} (or {self.environment})"


BASE_URL = Setting("baseUrl", "HIGHMOBILITY_BASE_URL")
SERVICE_ACCOUNT_KEY = Setting(
    "serviceAccountKey",
    "HIGHMOBILITY_SERVICE_ACCOUNT_KEY",
    secret=True,
    environment_file="HIGHMOBILITY_SERVICE_ACCOUNT_KEY_FILE",
)
CLIENT_ID = Setting("clientId", "HIGHMOBILITY_CLIENT_ID")
CLIENT_SECRET = Setting("clientSecret", "HIGHMOBILITY_CLIENT_SECRET", secret=True)
OAUTH_PRIVATE_KEY = Setting(
    "oauthPrivateKey",
    "HIGHMOBILITY_OAUTH_PRIVATE_KEY",
    secret=True,
    environment_file="HIGHMOBILITY_OAUTH_PRIVATE_KEY_FILE",
)
AUTH = Setting("auth", "HIGHMOBILITY_AUTH")
CREDENTIALS_FILE = Setting("credentialsFile", "HIGHMOBILITY_CREDENTIALS_FILE")
CHECK_ELIGIBILITY = Setting("checkEligibility", "HIGHMOBILITY_CHECK_ELIGIBILITY")
LISTING_MAX_AGE = Setting("listingMaxAgeSeconds", "HIGHMOBILITY_LISTING_MAX_AGE_SECONDS")
REQUEST_TIMEOUT = Setting("requestTimeoutSeconds", "HIGHMOBILITY_REQUEST_TIMEOUT_SECONDS")
MOVED_FROM = Setting("movedFrom", "HIGHMOBILITY_MOVED_FROM")
ALLOW_INSECURE_HTTP = Setting("allowInsecureHttp", "HIGHMOBILITY_ALLOW_INSECURE_HTTP")
REQUIRE_SECRET_CONFIG = Setting("requireSecretConfig", "HIGHMOBILITY_REQUIRE_SECRET_CONFIG")
CARMAKER_NOTICES = Setting("carmakerNotices", "HIGHMOBILITY_CARMAKER_NOTICES")
RETRY_INTERVAL = Setting("retryIntervalHours", "HIGHMOBILITY_RETRY_INTERVAL_HOURS")
MAX_REVOCATIONS = Setting("maxRevocations", "HIGHMOBILITY_MAX_REVOCATIONS")
WHOLE_STACK_TRACES = Setting("wholeStackTraces", "HIGHMOBILITY_WHOLE_STACK_TRACES")
REVOKE_WITHOUT_STATE = Setting("revokeWithoutState", "HIGHMOBILITY_REVOKE_WITHOUT_STATE")
PLUGIN = Setting("plugin", "HIGHMOBILITY_PLUGIN")
REFRESH_BEFORE_UPDATE = Setting("refreshBeforeUpdate", "HIGHMOBILITY_REFRESH_BEFORE_UPDATE")

SETTINGS = (
    BASE_URL,
    SERVICE_ACCOUNT_KEY,
    CLIENT_ID,
    CLIENT_SECRET,
    OAUTH_PRIVATE_KEY,
    AUTH,
    CREDENTIALS_FILE,
    CHECK_ELIGIBILITY,
    LISTING_MAX_AGE,
    REQUEST_TIMEOUT,
    MOVED_FROM,
    ALLOW_INSECURE_HTTP,
    REQUIRE_SECRET_CONFIG,
    CARMAKER_NOTICES,
    RETRY_INTERVAL,
    MAX_REVOCATIONS,
    REVOKE_WITHOUT_STATE,
    WHOLE_STACK_TRACES,
    PLUGIN,
    REFRESH_BEFORE_UPDATE,
)
# Their names in the environment, with those that name a file.
VARIABLES = tuple(name for one in SETTINGS for name in (one.environment, one.environment_file) if name)


def shown(text: str) -> str:
    """A setting's value for a message; a key that was pasted into the wrong setting is not quoted."""
    if len(text) > LONGEST_SHOWN or "PRIVATE KEY" in text or "\n" in text or text.lstrip().startswith("{"):
        return f"a text of {len(text):,} characters, not shown since it may be a key"
    return f'"{visible(text)}"'
