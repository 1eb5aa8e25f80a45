"""A copy of a mail for the operator who looks at it: by real SMTP, and of no use to act for its person."""

import re
from dataclasses import replace
from email import message_from_bytes, policy
from pathlib import Path

from notifier.pipeline.copying import MOST
from notifier.store.admins import Role
from tests.smtp_server import SmtpServer
from tests.web.api import Api, make_parts
from tests.web.test_admin import signed_in
from tests.web.test_admin_log import LOG, audited, comment, post


def test_a_copy_goes_to_the_operator_alone_marked_and_without_the_persons_links(tmp_path: Path):
    with SmtpServer() as relay:
        made = make_parts(tmp_path)
        around = replace(made.around, mail_server="127.0.0.1", mail_port=relay.port)
        api = Api(replace(made, around=around)).migrate()
        ids = comment(api)
        operator, books = signed_in(api, Role.OPERATOR), api.call("GET", "/v1/books").get_json()
        answer = post(operator, f"{LOG}/{ids['email']}/copy")
        assert "A copy to operator@app.example is on its way." in operator.get(answer.location).text
        [mail] = relay.wait_for(1)
        read = message_from_bytes(mail.content, policy=policy.default)
        assert (mail.recipients, read["To"]) == (("operator@app.example",), "operator@app.example")
        assert read["Subject"] == "[Copy] New comments"
        assert not [name for name in ("List-Unsubscribe", "List-Unsubscribe-Post", "In-Reply-To") if name in read]
        assert not re.search(r"127\.0\.0\.1:8000/(u|p|why)/", "".join(part.as_string() for part in read.walk()))
        assert api.call("GET", "/v1/books").get_json() == books
        assert audited(api)[-1] == ("delivery.copy", ids["email"])
        assert "no mail" in operator.get(post(operator, f"{LOG}/{ids['feed']}/copy").location).text
        for _ in range(MOST):
            answer = post(operator, f"{LOG}/{ids['email']}/copy")
        assert "No more than 10 copies" in operator.get(answer.location).text
        assert len(relay.wait_for(MOST)) == MOST
        assert post(signed_in(api, Role.VIEWER), f"{LOG}/{ids['email']}/copy").status_code == 403
        api.parts.database.close()
