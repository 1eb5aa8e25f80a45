"""Fields of bodies and queries, each checked by itself: ids, names, times and addresses."""

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, StringConstraints

from notifier.policy.choices import WEEKDAYS, is_time
from notifier.policy.fields import CONTENT, ID, NAME, URL, has_controls, is_asset_id, is_web_address
from notifier.policy.schedules import zones

KEY = 255  # characters
TYPE = 64
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")
_NOTIFICATION = re.compile(r"ntf_[0-9a-f]{32}")
_LOCALE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")


def _without_controls(text: str) -> str:
    if has_controls(text):
        raise ValueError("must not hold control characters")
    return text


def _web_address(text: str) -> str:
    if text and not is_web_address(_without_controls(text)):
        raise ValueError("must be an http or https address, without control characters")
    return text


def _moment(text: str) -> datetime:
    if not isinstance(text, str) or not _TIME.fullmatch(text):
        raise ValueError("must be an RFC 3339 time such as 2026-11-21T10:00:00.000Z")
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("must be a time that exists") from None


def _zone(text: str) -> str:
    if text not in zones():
        raise ValueError("must be a name of the tz database such as Europe/Berlin")
    return text


def _time_of_day(text: str) -> str:
    if not is_time(text):
        raise ValueError("must be a time of day such as 08:00")
    return text


def _weekday(text: str) -> str:
    if text not in WEEKDAYS:
        raise ValueError(f"must be one of: {', '.join(WEEKDAYS)}")
    return text


def _locale(text: str) -> str:
    if not _LOCALE.fullmatch(text):
        raise ValueError("must be a language tag such as en or pt-BR")
    return text


def _notification_id(text: str) -> str:
    if not _NOTIFICATION.fullmatch(text):
        raise ValueError("must be the id of a feed item such as ntf_0193a5e0c0de7000800000000000cafe")
    return text


def _asset_id(text: str) -> str:
    if not is_asset_id(text):
        raise ValueError("must be the id of an asset such as ast_0193a5e0c0de7000800000000000cafe")
    return text


def _printable(text: str) -> str:
    if not 1 <= len(text) <= KEY or not (text.isascii() and text.isprintable()):
        raise ValueError(f"must be 1 to {KEY} printable ASCII characters")
    return text


Id = Annotated[str, StringConstraints(min_length=1, max_length=ID), AfterValidator(_without_controls)]
Word = Annotated[str, StringConstraints(max_length=ID), AfterValidator(_without_controls)]
Name = Annotated[str, StringConstraints(max_length=NAME)]
Content = Annotated[str, StringConstraints(max_length=CONTENT)]
Url = Annotated[str, StringConstraints(max_length=URL), AfterValidator(_web_address)]
Moment = Annotated[datetime, BeforeValidator(_moment)]
TypeName = Annotated[str, StringConstraints(min_length=1, max_length=TYPE)]
NotificationId = Annotated[str, AfterValidator(_notification_id)]
ItemKey = Annotated[str, AfterValidator(_printable)]
WebAddress = Annotated[str, StringConstraints(min_length=1, max_length=URL), AfterValidator(_web_address)]
AssetId = Annotated[str, AfterValidator(_asset_id)]
Locale = Annotated[str, StringConstraints(max_length=35), AfterValidator(_locale)]
Zone = Annotated[str, StringConstraints(max_length=64), AfterValidator(_zone)]
TimeOfDay = Annotated[str, AfterValidator(_time_of_day)]
Weekday = Annotated[str, AfterValidator(_weekday)]
