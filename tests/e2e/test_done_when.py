"""What the pages are for, by hand: find why somebody heard nothing, send again what failed, stop a kind of mail."""

import re

from notifier.policy.words import SENTENCES, Reason
from tests.e2e.browser import NARROW, Look, Page, Windows, expect
from tests.e2e.places import mails
from tests.stack import Stack, comment, eventually

NO_SCRIPT = Look(javascript=False)
ON_A_PHONE = Look(width=NARROW, height=740, javascript=False)


def rows(page: Page, *words: str) -> Page:
    """The rows of the log that say all of these."""
    found = page.locator("main tbody tr")
    for word in words:
        found = found.filter(has_text=re.compile(rf"\b{word}\b"))
    return found


def look_up(page: Page, person: str) -> None:
    """Ask the log for a person, as one types it."""
    page.get_by_role("navigation", name="Pages", exact=True).get_by_role("link", name="Deliveries", exact=True).click()
    search = page.locator("main").get_by_role("searchbox")
    search.fill(person)
    search.press("Enter")


def set_fault(page: Page, answer: str) -> None:
    """Turn the mailbox's fault switch: to this answer until it is switched off, or off."""
    page.goto("/dev/mail")
    page.locator("details.panel").evaluate("(one) => { one.open = true; }")
    if not answer:
        page.get_by_role("button", name="Switch off").click()
        return
    page.get_by_label("Answer").select_option(answer)
    page.get_by_label("until switched off").check()
    page.get_by_role("button", name="Switch on").click()


def test_why_one_person_did_not_get_one_mail_is_found_in_a_few_clicks(windows: Windows, service: Stack):
    service.person("mia")
    assert service.call("PUT", "/v1/users/mia/mutes/actor:ben").status in (200, 204)
    service.post(comment("ben", to="mia"))
    eventually(lambda: service.deliveries(user="mia", channel="email"))
    page = windows.open("/admin")
    look_up(page, "mia")
    row = rows(page, "email", "skipped")
    expect(row).to_contain_text("muted")
    row.get_by_role("link").first.click()
    expect(page.locator("main")).to_contain_text(SENTENCES[Reason.MUTED_ACTOR])


def test_a_failed_mail_is_sent_again_once_the_fault_is_off(windows: Windows, service: Stack):
    service.person("noa")
    page = windows.open("/admin")
    set_fault(page, "554")
    service.post(comment("ben", to="noa"))
    eventually(lambda: service.deliveries(user="noa", channel="email", state="failed"))
    set_fault(page, "")
    page.goto("/admin")
    look_up(page, "noa")
    rows(page, "email", "failed").get_by_role("link").first.click()
    expect(page.locator("main")).to_contain_text("554")
    page.get_by_role("button", name=re.compile("again|retry", re.IGNORECASE)).first.click()
    expect(page.get_by_role("status").first).to_be_visible()
    eventually(lambda: mails(service, "noa@app.example"))
    look_up(page, "noa")
    expect(rows(page, "email", "sent")).to_have_count(1)
    expect(rows(page, "email", "failed")).to_have_count(1)


def test_a_kind_of_mail_is_stopped_from_the_mail_itself_and_the_log_says_so(windows: Windows, service: Stack):
    service.person("ola")
    service.post(comment("ben", to="ola"))
    [mail] = eventually(lambda: mails(service, "ola@app.example"))
    page = windows.open(mail["links"]["page"], ON_A_PHONE)
    with page.context.expect_page() as opened:
        page.locator(f"section[aria-labelledby=links] a[href^='{windows.origin}/u/']").first.click()
    unsubscribe = opened.value
    expect(unsubscribe.get_by_role("heading", level=1)).to_be_visible()
    unsubscribe.reload()  # looking changes nothing
    assert chosen_by(service, "ola") == "instant"
    unsubscribe.get_by_role("button").first.click()
    expect(unsubscribe.get_by_role("status")).to_contain_text("o•••@app.example")
    assert chosen_by(service, "ola") == "off"
    service.post(comment("ben", to="ola"))
    eventually(lambda: service.deliveries(user="ola", channel="email", state="skipped"))
    log = windows.open("/admin", NO_SCRIPT)
    look_up(log, "ola")
    expect(rows(log, "email", "skipped")).to_contain_text("preference")
    assert len(mails(service, "ola@app.example")) == 1


def test_preferences_are_changed_and_saved_without_a_script(windows: Windows, service: Stack):
    service.person("pia")
    service.post(comment("ben", to="pia"))
    [mail] = eventually(lambda: mails(service, "pia@app.example"))
    page = windows.open(mail["links"]["page"], ON_A_PHONE)
    with page.context.expect_page() as opened:
        page.locator(f"section[aria-labelledby=links] a[href^='{windows.origin}/p/']").first.click()
    preferences = opened.value
    preferences.locator("[name='types/comment/email']").select_option("daily")
    preferences.get_by_role("button", name="Save").click()
    expect(preferences.get_by_role("status")).to_be_visible()
    assert chosen_by(service, "pia") == "daily"


def chosen_by(service: Stack, person: str) -> str:
    """How often the person wants comments by mail."""
    return service.call("GET", f"/v1/users/{person}/preferences").json["types"]["comment"]["email"]
