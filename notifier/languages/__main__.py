"""Tells what the catalogues lack, and brings one up to date: `python -m notifier.languages [--update fr]`."""

import argparse
import sys
from pathlib import Path

from notifier.languages.extract import brought_up_to_date, built_in, files, gaps, of_templates, write
from notifier.languages.language import CATALOGUES


def main() -> int:
    """Print what is missing; 1 where anything is."""
    parser = argparse.ArgumentParser(prog="python -m notifier.languages", description=__doc__)
    parser.add_argument("--templates", type=Path, help="your TEMPLATES_DIR; without it, the built-in words")
    parser.add_argument("--update", metavar="LANG", help="write this catalogue, with every message that it needs")
    given = parser.parse_args()
    if given.templates and not given.templates.is_dir():
        parser.error(f"there is no folder {given.templates}; put your templates there first")
    wanted = of_templates(given.templates) if given.templates else built_in()
    folder = given.templates or CATALOGUES
    if given.update:
        path = folder / f"{given.update}.po"
        write(brought_up_to_date(path, wanted), path)
        print(f"{path} is written. Fill in each msgstr.")  # noqa: T201 (a command's output)
    found = {path: gaps(path, wanted) for path in files(folder)}
    for path, lines in found.items():
        print(f"{path.name}: {'whole' if not lines else f'{len(lines)} to do'}")  # noqa: T201
        for line in lines:
            print(f"  {line}")  # noqa: T201
    return int(any(found.values()))


if __name__ == "__main__":
    sys.exit(main())
