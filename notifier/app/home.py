"""The data folder: what the first start makes there and every later one finds. Nothing in it has a default password."""

import json
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

from notifier.store.apps import Credentials
from notifier.supervisor.files import private_folder, write_json

CATALOGUE = Path(__file__).parents[1] / "policy" / "catalogue.toml"
RENDITIONS = Path(__file__).parents[1] / "policy" / "renditions.toml"
VAPID = "vapid_private_key.pem"


@dataclass(frozen=True)
class Home:
    """The data folder. Only `notifier up` makes what is missing; others say what to do."""

    folder: Path
    makes: bool = False

    def open(self) -> "Home":
        """Make the folder, for its owner alone."""
        private_folder(self.folder)
        return self

    @cached_property
    def secret_key(self) -> str:
        """Signs sessions and links."""
        return self._text("secret_key", lambda: secrets.token_urlsafe(48), "SECRET_KEY")

    @property
    def has_vapid_key(self) -> bool:
        """Whether the first start made a Web Push identity here."""
        return (self.folder / VAPID).exists()

    @cached_property
    def vapid_private_key(self) -> str:
        """The PEM of our Web Push identity."""
        from notifier.channels.push import new_private_key  # keys are made once in a lifetime

        return self._text(VAPID, new_private_key, "VAPID_PRIVATE_KEY")

    @property
    def default_app(self) -> Credentials | None:
        """The credentials of the app that the first start made; None before."""
        path = self.folder / "app.json"
        return Credentials(**json.loads(path.read_text())) if path.exists() else None

    def keep_default_app(self, credentials: Credentials) -> None:
        """Remember the default app's credentials, for the demo and for the ready file."""
        write_json(self.folder / "app.json", asdict(credentials))

    def remember(self, app: str, *, secret: str = "", key: str = "") -> None:
        """Keep a new secret or key of the default app; of another one, nothing."""
        kept = self.default_app
        if kept is not None and kept.app == app:
            self.keep_default_app(replace(kept, secret=secret or kept.secret, key=key or kept.key))

    @property
    def database_url(self) -> str:
        """The SQLite file of this folder."""
        return f"sqlite:///{self.folder.resolve() / 'notifier.db'}"

    @property
    def dev(self) -> Path:
        """Where the local catchers keep what they caught."""
        return self.folder / "dev"

    def _text(self, name: str, make: Callable[[], str], setting: str) -> str:
        path = self.folder / name
        if path.exists():
            return path.read_text()
        if not self.makes:
            raise SystemExit(
                f"{setting} is not set, and {path} does not exist. Set it, or make one here: run `notifier up` once."
            )
        text = make()
        # Whole or not at all: a secret that was cut off by a crash would be taken for the real one.
        unfinished = path.with_name(f"{name}.new")
        unfinished.touch(mode=0o600)
        unfinished.write_text(text)
        unfinished.rename(path)
        return text
