"""The admin pages of templates: which there are in which languages, and how each looks, of a sample or a real event."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from flask import Blueprint, Response, abort, flash, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from notifier.channels import Address, Notice, TemplateFault
from notifier.channels.preview import Preview, checks
from notifier.channels.samples import Setting, sample, sample_digest, sample_of, sample_summary
from notifier.channels.wording import DIGEST, SUMMARY, TEMPLATES
from notifier.policy.catalogue import Kind
from notifier.policy.outcomes import Delivered
from notifier.store.admins import Admins, Role
from notifier.store.explaining import Explaining
from notifier.store.types import new_id
from notifier.web.admin.guard import admins_only
from notifier.web.parts import parts
from notifier.web.paths import is_id

bp = Blueprint("admin_templates", __name__, url_prefix="/admin/templates")

# What a mail brings along must do nothing: no script, no picture from elsewhere, no form, and no way out of its frame.
FRAME = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
FRAMED = (("Content-Security-Policy", FRAME), ("X-Frame-Options", "SAMEORIGIN"), ("Cache-Control", "no-store"))
_PICTURE = re.compile(r'(<img\b[^>]*?\bsrc=")https?://[^"]*')
GREY = "data:image/gif;base64,R0lGODlhAQABAIAAAMfO1wAAACH5BAAAAAAALAAAAAABAAEAAAICRAEAOw=="
WIDTHS, COLOURS = ("desktop", "phone"), ("light", "dark")
SEVERAL = (SUMMARY, DIGEST)


@dataclass(frozen=True, slots=True)
class Row:
    """One template: how often its type is told on each channel by default, and what each language lacks of its words.

    `own` is the file of the operator's, where it is not a built-in one.
    """

    name: str
    cadences: Mapping[str, str]
    file: str
    own: bool
    lacks: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be shown, as the address says: the template, the language, the sample or the event."""

    type: str
    locale: str
    several: bool
    event: str

    @property
    def args(self) -> dict[str, Any]:
        """The arguments of an address that shows the same."""
        several = "1" if self.several else None
        return {"type_": self.type, "lang": self.locale, "several": several, "event": self.event or None}


@bp.get("")
@admins_only(Role.VIEWER)
def page() -> str:
    """All templates: types, channels and languages, with what is missing."""
    kinds = parts().catalogue.heard
    rows = [_row(kind.short, {name: str(how) for name, how in kind.cadences.items()}) for kind in kinds]
    several = [_row(name, {}) for name in SEVERAL]
    return render_template("admin/templates.html", rows=[*rows, *several], tags=parts().languages.tags)


@bp.get("/<string:type_>")
@admins_only(Role.VIEWER)
def show(type_: str) -> str:
    """How one template looks on each channel, and what is wrong with that."""
    asked = _asked(type_)
    width, colour = request.args.get("width", ""), request.args.get("colour", "")
    shown: dict[str, Any] = {
        "asked": asked,
        "tags": parts().languages.tags,
        "width": width if width in WIDTHS else WIDTHS[0],
        "colour": colour if colour in COLOURS else COLOURS[0],
        "may_see_events": g.admin.role.includes(Role.OPERATOR),
        "mail": url_for("admin_templates.mail", **asked.args),
        "lacks": parts().previewer.lacks(type_, asked.locale),
    }
    try:
        notice = _notice(asked, noted=True)
        preview = _preview(notice)
    except TemplateFault as fault:
        return render_template("admin/template.html", fault=str(fault), **shown)
    return render_template(
        "admin/template.html", preview=preview, checks=checks(notice, preview), headers=_headers(preview), **shown
    )


@bp.get("/<string:type_>/mail")
@admins_only(Role.VIEWER)
def mail(type_: str) -> Response:
    """The HTML of a mail alone, for a frame in which it can do nothing."""
    try:
        html = _without_pictures(_preview(_notice(_asked(type_))).html)
    except TemplateFault as fault:
        html = str(fault)
        return Response(html, 422, FRAMED, content_type="text/plain; charset=utf-8")
    return Response(html, 200, FRAMED, content_type="text/html; charset=utf-8")


@bp.post("/<string:type_>/send")
@admins_only(Role.OPERATOR)
def send(type_: str) -> AnyResponse:
    """Send the mail that is shown to the admin who asks, to see it in a mail client."""
    asked, now, to = _asked(type_), parts().clock(), Address("", g.admin.email)
    notice = replace(_notice(asked, noted=True), delivery_id=new_id("dlv"), address=to)
    try:
        outcome = parts().previewer.send(notice, now)
        said = "is on its way" if isinstance(outcome, Delivered) else f"was not taken: {outcome.code} {outcome.text}"
    except TemplateFault as fault:
        said = f"could not be made. {fault}"
    with parts().database.write() as connection:
        Admins(connection).note(
            g.admin.email, "template.send", f"{asked.type} {asked.locale} {asked.event}".strip(), now
        )
    flash(f"The mail to {g.admin.email} {said}.".replace("..", "."))
    return redirect(url_for("admin_templates.show", **asked.args))


def _asked(type_: str) -> Asked:
    locale, event = request.args.get("lang", "en"), request.args.get("event", "").strip()
    if type_ not in SEVERAL and type_ not in {kind.short for kind in parts().catalogue.heard}:
        abort(404, f"There is no template {type_}.")
    if locale not in parts().languages.tags:
        abort(404, f"There is no catalogue of the language {locale}; there are {', '.join(parts().languages.tags)}.")
    if event and not is_id(event, "evt"):
        abort(404, "The id of an event looks like evt_ and 32 letters and digits.")
    if event and not g.admin.role.includes(Role.OPERATOR):
        abort(403, f"To see a real event needs the role {Role.OPERATOR}; yours is {g.admin.role}.")
    return Asked(type_, locale, bool(request.args.get("several")), event)


def _notice(asked: Asked, *, noted: bool = False) -> Notice:
    """The notice to show; with `noted` it goes on record whose words were looked at."""
    setting, kinds = Setting(asked.locale, parts().public_url, parts().clock()), parts().catalogue.heard
    if asked.type in SEVERAL:
        return (sample_digest if asked.type == DIGEST else sample_summary)(kinds, setting)
    kind = parts().catalogue.find(asked.type)
    assert kind is not None  # noqa: S101 (the address was checked)
    return _real(asked, kind, setting, noted=noted) if asked.event else sample(kind, setting, several=asked.several)


def _real(asked: Asked, kind: Kind, setting: Setting, *, noted: bool) -> Notice:
    with parts().database.read() as connection:
        known = Explaining(connection).event(asked.event)
    if known is None:
        abort(404, f"There is no event {asked.event}; it may have been purged.")
    if known.event.type != kind.name:
        abort(404, f"The event {asked.event} is of the type {known.event.type}, which has a template of its own.")
    if noted:
        with parts().database.write() as connection:
            Admins(connection).note(g.admin.email, "template.preview", f"{asked.type} {asked.event}", setting.now)
    return sample_of(known.event, kind, setting)


def _without_pictures(html: str) -> str:
    """The mail with grey in the place of its pictures: the frame would fetch none, and the browser complain of each."""
    return _PICTURE.sub(rf"\1{GREY}", html)


def _preview(notice: Notice) -> Preview:
    return parts().previewer.preview(notice, parts().clock())


def _headers(preview: Preview) -> str:
    return preview.raw.partition(b"\r\n\r\n")[0].decode()


def _row(name: str, cadences: Mapping[str, str]) -> Row:
    previewer, tags = parts().previewer, parts().languages.tags
    file = previewer.writer.source(name)
    lacks = {tag: len(previewer.lacks(name, tag)) for tag in tags}
    return Row(name, cadences, file.name, file.parent != TEMPLATES, lacks)
