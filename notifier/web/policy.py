"""What a changed rule would have done."""

from typing import Annotated, Any

from flask import Blueprint
from pydantic import Field

from notifier.policy.changing import Change, WrongChange
from notifier.web.access import needs, takes
from notifier.web.bodies import Strict
from notifier.web.parts import parts
from notifier.web.problems import Fault, invalid, pointer
from notifier.web.reading import read

bp = Blueprint("policy", __name__, url_prefix="/v1/policy")

DAYS = 7.0
MOST_DAYS = 90
_APP = r"^app_[0-9a-f]{32}$"


class BacktestBody(Strict):
    """What to change, with the fields of the catalogue file, and over how many of the last days to try it."""

    days: Annotated[float, Field(gt=0, le=MOST_DAYS)] = DAYS
    types: dict[str, dict[str, Any]] = Field(default_factory=dict)
    caps: dict[str, Any] = Field(default_factory=dict)
    app: Annotated[str, Field(pattern=_APP)] | None = None


@bp.post("/backtest")
@needs("log")
@takes(BacktestBody)
def backtest() -> dict[str, Any]:
    """How many messages more or fewer a changed rule would have meant, and what people would have missed.

    Replays the events of the last days, at most 200,000 recipients of them, and sends nothing.
    """
    body = read(BacktestBody)
    try:
        report = parts().backtest.run(Change(body.types, body.caps), body.days, body.app or "")
    except WrongChange as wrong:
        raise invalid([Fault(pointer(fault.where), "invalid", fault.right) for fault in wrong.faults]) from None
    return {"days": body.days} | report.as_json()
