"""Settings that are found wrong only with the parts at hand: each fault becomes a sentence that names its setting."""

import logging
import ssl
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

from notifier.app.home import Home
from notifier.app.parts import Parts, WrongStorage
from notifier.channels import BadAddress
from notifier.channels.push import PushSettings, check_vapid
from notifier.channels.template_checks import WrongTemplate, check_templates
from notifier.languages import CatalogueFault as WrongCatalogue
from notifier.policy.catalogue import CatalogueFault
from notifier.policy.renditions import SpecFault
from notifier.store.database import Database, DatabaseAway
from notifier.store.schema import migrate

if TYPE_CHECKING:
    from config import Settings

log = logging.getLogger(__name__)


class WrongSetting(Exception):
    """A setting is wrong. The message is for the operator: it names the setting and says what would be right."""


def open_home(settings: "Settings") -> Home:
    """The data folder, made where it is missing. Raises `WrongSetting`."""
    try:
        return Home(settings.DATA_DIR, makes=True).open()
    except OSError as error:
        raise WrongSetting(
            f"DATA_DIR is {str(settings.DATA_DIR)!r}, which cannot be used ({error.strerror}). "
            "It must be a folder of this user's own, or one that can be made."
        ) from error


def check(parts: Parts) -> None:
    """Check the types and their words, and how mail and pushes go out. Raises `WrongSetting`."""
    _check_words(parts)
    try:
        _ = parts.email_settings
    except BadAddress as error:
        raise WrongSetting(
            f"MAIL_DEFAULT_SENDER is {parts.settings.MAIL_DEFAULT_SENDER!r}; it must be an address with or without a "
            f"name, such as Acme <news@acme.example>. {error}"
        ) from error
    except ValueError as error:
        raise WrongSetting(str(error)) from error
    _check_push(parts)
    _check_media(parts)


def bring_up_to_date(database: Database) -> None:
    """The newest schema. Raises `WrongSetting` where the database does not let us."""
    try:
        migrate(database)
    except (DatabaseAway, DBAPIError) as error:
        said = str(getattr(error, "orig", error)).strip().splitlines()[0]
        raise WrongSetting(
            f"The database {database.url.render_as_string(hide_password=True)} cannot be used: {said}. "
            "DATABASE_URL must name one that runs and lets us in; without it, a SQLite file in DATA_DIR is used."
        ) from error


def _check_media(parts: Parts) -> None:
    settings = parts.settings
    try:
        _ = parts.specs
    except (SpecFault, OSError, UnicodeError) as error:
        raise WrongSetting(f"RENDITIONS_FILE {settings.RENDITIONS_FILE}: {error}.") from error
    try:
        _ = parts.storage
    except WrongStorage as error:
        raise WrongSetting(f"MEDIA_STORAGE: {error}") from error


def _check_words(parts: Parts) -> None:
    settings = parts.settings
    try:
        types = [kind.short for kind in parts.catalogue.kinds.values()]
    except (CatalogueFault, OSError, UnicodeError) as error:
        raise WrongSetting(f"CATALOGUE_FILE {settings.CATALOGUE_FILE}: {error}.") from error
    if settings.TEMPLATES_DIR is None:
        return
    try:
        parts.languages.read_all()
        check_templates(parts.writer, settings.TEMPLATES_DIR, types)
    except (WrongTemplate, WrongCatalogue, OSError) as error:
        raise WrongSetting(f"TEMPLATES_DIR {settings.TEMPLATES_DIR}: {error}.") from error


def _check_push(parts: Parts) -> None:
    settings, production = parts.push_settings, parts.settings.ENVIRONMENT == "production"
    try:
        # A subject that nobody chose only warns: some push services take it, and mail does not wait for it.
        check_vapid(
            settings.private_key, settings.subject, production=production and bool(parts.settings.VAPID_SUBJECT)
        )
    except ValueError as error:
        raise WrongSetting(f"{error}.") from error
    if production and not parts.settings.VAPID_SUBJECT:
        _warn_of_subject(settings)
    try:
        if settings.ca_file:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(settings.ca_file)
    except OSError as error:
        raise WrongSetting(f"PUSH_CA_FILE {settings.ca_file} must be a PEM file of certificates: {error}.") from error


def _warn_of_subject(settings: PushSettings) -> None:
    try:
        check_vapid(settings.private_key, settings.subject, production=True)
    except ValueError as error:
        log.warning("some push services will refuse us: %s", error)
