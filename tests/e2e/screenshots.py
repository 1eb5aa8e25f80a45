"""The pictures of `docs/pictures`, made anew from a seeded demo: `make screenshots`; `ARGS="overview person"` for some.

`--all FOLDER` photographs every page that the browser tests walk through instead, wide and narrow, light and dark: for
looking at them.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.e2e import browser, places
from tests.e2e.browser import NARROW, Look, Page, Windows
from tests.e2e.lived_in import lived_in
from tests.media.pictures import dusk
from tests.stack import ROOT, Stack

PICTURES = ROOT / "docs" / "pictures"
LARGEST = 100_000  # octets of a picture that the README can afford
WIDE_LIGHT, WIDE_DARK = Look(), Look("dark")
LIGHT, DARK = Look(width=1000, height=540), Look("dark", 1000, 540)  # what stays small and can be read in the README
LOOKS = {
    "wide-light": WIDE_LIGHT,
    "wide-dark": WIDE_DARK,
    "narrow-light": Look(width=NARROW, height=740),
    "narrow-dark": Look("dark", NARROW, 740),
}


@dataclass(frozen=True)
class Picture:
    """What is photographed: a place, or the address that `find` gives for one worth it; `prepare` acts first."""

    place: str
    look: Look = LIGHT
    find: Callable[[Stack], str] | None = None
    prepare: Callable[[Page], None] | None = None


def tried_again(stack: Stack) -> str:
    """A delivery that took more than one attempt."""
    found = stack.deliveries(state="sent", channel="email")
    return f"/admin/deliveries/{max(found, key=lambda one: one['tries'])['id']}"


def with_reasons(stack: Stack) -> str:
    """An event that some were told of and others were not."""
    skipped = stack.deliveries(state="skipped", reason="preference_off") or stack.deliveries(state="skipped")
    return f"/admin/events/{skipped[0]['events'][0]}"


def busiest(stack: Stack) -> str:
    """The person to whom most went."""
    users = [one["user"] for one in stack.deliveries(channel="email")]
    return f"/admin/people/{max(users, key=users.count)}"


def commented(page: Page) -> None:
    """Let Ana comment on the demo page, and wait for the mail."""
    page.get_by_role("region", name="Ana", exact=True).get_by_role("button", name="Comment").click()
    page.wait_for_selector("iframe")
    page.wait_for_timeout(1_000)


def photographed(page: Page) -> None:
    """Let Ana post a photo on the demo page, and wait for the mail and the push that show it."""
    ana = page.get_by_role("region", name="Ana", exact=True)
    ana.get_by_label("Post a photo").set_input_files([{"name": "dusk.jpg", "mimeType": "image/jpeg", "buffer": dusk()}])
    ana.get_by_label("What it shows").fill("The harbour at dusk")
    ana.get_by_role("button", name="Post", exact=True).click()
    entry = page.locator("#chain > li").first
    entry.locator(".came figure").nth(1).wait_for()
    entry.evaluate("one => one.scrollIntoView()")
    page.wait_for_timeout(1_000)


CHOSEN = {
    "overview": Picture("Overview"),
    "deliveries": Picture("Deliveries"),
    "deliveries-dark": Picture("Deliveries", DARK),
    "delivery": Picture("Deliveries: first row", find=tried_again),
    "event": Picture("Events: first row", find=with_reasons),
    "person": Picture("People: first row", find=busiest),
    "queues": Picture("Queues & workers"),
    "queues-dark": Picture("Queues & workers", DARK),
    "templates": Picture("Templates"),
    "preferences": Picture("preferences", Look(width=720, height=1000)),
    "mail": Picture("mail", Look(width=1120, height=800)),
    "push": Picture("push"),
    "demo": Picture("demo", Look(width=960, height=860), prepare=commented),
    "demo-photo": Picture("demo", Look(width=900, height=720), prepare=photographed),
}


def main(words: list[str]) -> int:
    """Take the pictures that are asked for; gives 1 where one is too large for the README."""
    asked = argparse.ArgumentParser(prog="make screenshots", description=__doc__)
    asked.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(CHOSEN)}; all without a name")
    asked.add_argument("--all", type=Path, metavar="FOLDER", help="every page in every look, into this folder")
    told = asked.parse_args(words)
    if unknown := set(told.names) - set(CHOSEN):
        asked.error(f"there is no picture {', '.join(sorted(unknown))}; there are {', '.join(CHOSEN)}")
    if why := browser.no_browser():
        asked.exit(1, f"No pictures: {why}\n")
    with tempfile.TemporaryDirectory() as folder, browser.chromium() as opened:
        options = ("--no-scenes", "--rate", "30/s", "--minutes", "0.15", "--fail", "12")
        with lived_in(Path(folder), *options) as stack:
            origin = stack.ready["url"]
            windows = Windows(opened, origin, browser.sign_in(opened, origin, stack.ready["admin_url"]))
            where = places.addresses(windows, stack)
            taken = everything(windows, where, told.all) if told.all else chosen(windows, where, stack, told.names)
            windows.close()
    return report(taken)


def chosen(windows: Windows, where: dict[str, str], stack: Stack, names: list[str]) -> list[Path]:
    """The pictures of these names, or all, as far as their pages exist."""
    wanted = {name: CHOSEN[name] for name in names or CHOSEN if CHOSEN[name].place in where}
    return [
        take(windows, picture.find(stack) if picture.find else where[picture.place], picture, PICTURES / name)
        for name, picture in wanted.items()
    ]


def everything(windows: Windows, where: dict[str, str], folder: Path) -> list[Path]:
    """Every place in every look, each as long as it is."""
    folder.mkdir(parents=True, exist_ok=True)
    return [
        take(
            windows,
            path,
            Picture(place, look),
            folder / f"{place.replace(': ', '-').replace(' ', '-').lower()}-{name}",
            whole=True,
        )
        for place, path in where.items()
        for name, look in LOOKS.items()
    ]


def take(windows: Windows, path: str, picture: Picture, target: Path, *, whole: bool = False) -> Path:
    """Photograph one page, as high as the window or as long as it is; gives the file."""
    page = windows.open(path, picture.look)
    if picture.prepare:
        picture.prepare(page)
    page.wait_for_timeout(400)  # until parts that come later have come
    file = target.with_suffix(".png")
    page.screenshot(path=file, full_page=whole, animations="disabled")
    page.context.close()
    return file


def report(taken: list[Path]) -> int:
    """Say what was made, and what of it is too large."""
    for file in taken:
        size = file.stat().st_size
        sys.stdout.write(f"{file}  {size // 1000} kB{'  too large for the README' if size > LARGEST else ''}\n")
    return int(any(file.is_relative_to(PICTURES) and file.stat().st_size > LARGEST for file in taken))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
