"""The answer to somebody who tried too often: when to come back, in words and as `Retry-After`."""

import math
from datetime import datetime

from flask import Response, make_response, render_template

from notifier.web.parts import parts

A_MINUTE = 60  # seconds


def too_many(until: datetime, template: str, **shown: object) -> Response:
    """The page with this template, which is to say what is `wrong`."""
    seconds = max(1, math.ceil((until - parts().clock()).total_seconds()))
    minutes = math.ceil(seconds / A_MINUTE)
    wrong = f"Too many tries. Try again in {minutes} {'minute' if minutes == 1 else 'minutes'}."
    answer = make_response(render_template(template, wrong=wrong, **shown), 429)
    answer.headers["Retry-After"] = str(seconds)
    return answer
