"""Every setting, read from the environment or `.env` once, checked at the start."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

ROOT = Path(__file__).parent
ONE_HOUR = 3600
LEAST_TOKEN = 16
_SHIFT = re.compile(r"(\d{1,9}(?:\.\d+)?)([smhd]?)")
_UNITS = {"": 1, "s": 1, "m": 60, "h": ONE_HOUR, "d": 24 * ONE_HOUR}
Days = Annotated[int, Field(ge=0, le=36_500)]  # how long something is kept; 0: for ever
_HOST = re.compile(r"\*|(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*")
_BUCKET = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,62}(/[A-Za-z0-9._-]+)*/?")
_SECRET = ("SECRET", "PASSWORD", "KEY", "TOKEN", "DATABASE_URL", "BROKER_URL")


class Settings(BaseSettings):
    """What an operator can decide. Names are those of the environment; the README tells of each."""

    model_config = SettingsConfigDict(
        env_file=".env", extra="ignore", frozen=True, case_sensitive=True, env_ignore_empty=True
    )

    DATA_DIR: Path = Path("instance")
    DATABASE_URL: str = ""
    BROKER_URL: str = ""
    PUBLIC_URL: str = ""
    SECRET_KEY: SecretStr = SecretStr("")
    ENVIRONMENT: Literal["development", "production"] = "development"

    MAIL_SERVER: str = ""
    MAIL_PORT: Annotated[int, Field(ge=0, le=65535)] = 0
    MAIL_USE_TLS: bool | None = None
    MAIL_USE_SSL: bool = False
    MAIL_USERNAME: str = ""
    MAIL_PASSWORD: SecretStr = SecretStr("")
    MAIL_DEFAULT_SENDER: str = "Notifier <notifier@notifier.localhost>"
    MAIL_CA_FILE: str = ""
    MAIL_MAX_CONNECTIONS: Annotated[int, Field(ge=1, le=1000)] = 10

    VAPID_PRIVATE_KEY: SecretStr = SecretStr("")
    VAPID_SUBJECT: str = ""
    PUSH_ALLOWED_HOSTS: Annotated[tuple[str, ...], NoDecode] = ()
    PUSH_ALLOW_LOOPBACK: bool = False
    PUSH_CA_FILE: str = ""

    CATALOGUE_FILE: Path | None = None
    TEMPLATES_DIR: Path | None = None

    GATHER_SCALE: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1
    RETRY_SCALE: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1
    LEASE_SECONDS: Annotated[float, Field(ge=1, le=ONE_HOUR)] = 60
    MAX_UNPLANNED: Annotated[int, Field(ge=1)] = 100_000

    RETENTION_DELIVERIES_DAYS: Days = 30
    RETENTION_FAILED_DAYS: Days = 90
    RETENTION_SKIPPED_DAYS: Days = 14
    RETENTION_ATTEMPTS_DAYS: Days = 30
    RETENTION_BODIES_DAYS: Days = 30
    RETENTION_FEED_DAYS: Days = 90
    RETENTION_EVENTS_DAYS: Days = 90
    RETENTION_AUDIT_DAYS: Days = 365

    MEDIA_STORAGE: str = ""
    MEDIA_URL: str = ""
    MEDIA_S3_ENDPOINT: str = ""
    MEDIA_S3_REGION: str = ""
    MEDIA_S3_ACCESS_KEY: str = ""
    MEDIA_S3_SECRET_KEY: SecretStr = SecretStr("")
    MEDIA_PROCESSES: Annotated[int, Field(ge=1, le=64)] = 1
    MEDIA_AVIF: bool = False
    MEDIA_MOTION: bool = False
    MEDIA_WAIT_IMAGE: Annotated[float, Field(ge=0, le=ONE_HOUR)] = 30
    MEDIA_WAIT_VIDEO: Annotated[float, Field(ge=0, le=ONE_HOUR)] = 300
    MEDIA_ALLOW_LOOPBACK: bool = False
    RENDITIONS_FILE: Path | None = None
    FFMPEG_PATH: str = ""

    ALLOWED_ORIGINS: Annotated[tuple[str, ...], NoDecode] = ()
    FEED_STREAMS: Annotated[int, Field(ge=0, le=500)] = 50
    WEB_THREADS: Annotated[int, Field(ge=1, le=256)] = 8
    WORKER_THREADS: Annotated[int, Field(ge=1, le=256)] = 16
    CLOCK_SHIFT: timedelta = timedelta(0)
    METRICS_TOKEN: SecretStr = SecretStr("")
    LOG_LEVEL: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @field_validator("METRICS_TOKEN")
    @classmethod
    def _hard_to_guess(cls, value: SecretStr) -> SecretStr:
        token = value.get_secret_value()
        if token and (len(token) < LEAST_TOKEN or not token.isascii() or not token.isprintable()):
            raise ValueError(f"must have {LEAST_TOKEN} printable ASCII characters or more, or be left out")
        return value

    @field_validator("PUSH_ALLOWED_HOSTS", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(host.strip().lower() for host in value.split(",") if host.strip())
        return value

    @field_validator("ALLOWED_ORIGINS", mode="before")
    @classmethod
    def _split_origins(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(origin.strip().rstrip("/").lower() for origin in value.split(",") if origin.strip())
        return value

    @field_validator("CLOCK_SHIFT", mode="before")
    @classmethod
    def _ahead(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        found = _SHIFT.fullmatch(value.strip())
        seconds = float(found[1]) * _UNITS[found[2]] if found else -1
        if not 0 <= seconds <= 1_000 * _UNITS["d"]:
            raise ValueError("must be how far the clock is to be ahead: seconds, or 90m, 36h, 1d; at most 1000d")
        return timedelta(seconds=seconds)

    @field_validator("ALLOWED_ORIGINS")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(_is_web_address(origin) and origin.count("/") == 2 for origin in value):
            raise ValueError("must be origins such as https://app.example,https://www.app.example; * is none")
        return value

    @field_validator("PUSH_ALLOWED_HOSTS")
    @classmethod
    def _host_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(_HOST.fullmatch(host) for host in value):
            raise ValueError("must be host names such as fcm.googleapis.com,*.push.apple.com, or * for any public host")
        return value

    @field_validator("DATABASE_URL")
    @classmethod
    def _known_database(cls, value: str) -> str:
        if value and not value.startswith(("sqlite:///", "postgresql+psycopg://")):
            raise ValueError("must begin with sqlite:/// or postgresql+psycopg://")
        try:
            make_url(value or "sqlite:///")
        except (ValueError, ArgumentError):  # its own words may repeat the password
            raise ValueError("must look like postgresql+psycopg://user:password@host:5432/name") from None
        return value

    @field_validator("BROKER_URL")
    @classmethod
    def _known_broker(cls, value: str) -> str:
        known = ("redis://", "rediss://", "redis+socket://", "amqp://", "amqps://", "filesystem://")
        if value and not value.startswith(known):
            raise ValueError("must begin with redis://, rediss:// or amqp://")
        return value

    @field_validator("MEDIA_STORAGE")
    @classmethod
    def _folder_or_bucket(cls, value: str) -> str:
        if "://" in value and not _BUCKET.fullmatch(value):
            raise ValueError(
                "must be the path of a folder, or a bucket such as s3://pictures or s3://pictures/notifier"
            )
        return value.rstrip("/")

    @field_validator("FFMPEG_PATH")
    @classmethod
    def _program(cls, value: str) -> str:
        if value and not Path(value).is_file():
            raise ValueError("must be the path of ffmpeg, such as /usr/bin/ffmpeg")
        return value

    @field_validator("PUBLIC_URL", "MEDIA_URL", "MEDIA_S3_ENDPOINT")
    @classmethod
    def _web_address(cls, value: str) -> str:
        if value and not _is_web_address(value):
            raise ValueError("must be an address such as https://notify.example.com")
        return value.rstrip("/")

    @field_validator("MAIL_CA_FILE", "PUSH_CA_FILE")
    @classmethod
    def _readable(cls, value: str) -> str:
        if value and not Path(value).is_file():
            raise ValueError("must be the path of a PEM file that can be read")
        return value

    @field_validator("CATALOGUE_FILE", "RENDITIONS_FILE")
    @classmethod
    def _file(cls, value: Path | None) -> Path | None:
        if value and not value.is_file():
            raise ValueError("must be the path of a TOML file that can be read")
        return value

    @field_validator("TEMPLATES_DIR")
    @classmethod
    def _folder(cls, value: Path | None) -> Path | None:
        if value and not value.is_dir():
            raise ValueError("must be the path of a folder with templates such as poke.jinja")
        return value

    @model_validator(mode="after")
    def _one_kind_of_tls(self) -> "Settings":
        if self.MAIL_USE_SSL and self.MAIL_USE_TLS:
            raise ValueError(
                "MAIL_USE_TLS and MAIL_USE_SSL exclude each other: STARTTLS on 587, or TLS from the start on 465"
            )
        return self

    @model_validator(mode="after")
    def _fit_for_production(self) -> "Settings":
        if self.ENVIRONMENT != "production":
            return self
        if not self.PUBLIC_URL.startswith("https://"):
            raise ValueError("PUBLIC_URL must begin with https:// in production: links in mails carry it")
        if len(self.SECRET_KEY.get_secret_value()) < 32:
            raise ValueError(
                "SECRET_KEY must have 32 characters or more in production. "
                'Make one with: python -c "import secrets; print(secrets.token_urlsafe(48))"'
            )
        if self.PUSH_ALLOW_LOOPBACK:
            raise ValueError(
                "PUSH_ALLOW_LOOPBACK must be off in production: it lets pushes reach this machine's own ports"
            )
        if self.MEDIA_ALLOW_LOOPBACK:
            raise ValueError(
                "MEDIA_ALLOW_LOOPBACK must be off in production: it lets anybody's pictures be this machine's own ports"
            )
        if self.CLOCK_SHIFT:
            raise ValueError("CLOCK_SHIFT must be 0 in production: it is for seeing tomorrow's digests today")
        if not self.MAIL_SERVER:
            raise ValueError("MAIL_SERVER must be set in production: the local mail catcher is for development")
        return self


def load(**changes: Any) -> Settings:
    """The settings of this process, with `changes` (from the command line) above the environment.

    Raises `SystemExit` with sentences that say what would be right.
    """
    try:
        return Settings(**changes)
    except ValidationError as error:
        raise SystemExit("\n".join(_sentence(fault) for fault in error.errors())) from None


def _sentence(fault: Any) -> str:
    name = ".".join(str(part) for part in fault["loc"])
    message = fault["msg"].removeprefix("Value error, ")
    # What may hold a password is not repeated: this goes to terminals and logs.
    given = f" is {str(fault['input'])!r}, but it" if not any(word in name for word in _SECRET) else ""
    return f"{name}{given} {_must(message)}." if name else f"{message}."


def _must(message: str) -> str:
    """The message as the end of a sentence: pydantic says "Input should be", our own checks say "must be"."""
    message = message.partition(", unable to ")[0]
    return message.replace("Input should be", "must be", 1).replace("Value should have", "must have", 1)


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises for what is no port
    except ValueError:
        return False
    whole = text.isascii() and text.isprintable() and not {" ", "?", "#", "@"} & set(text)
    return whole and parts.scheme in ("http", "https") and bool(parts.hostname)
