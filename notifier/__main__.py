"""The `notifier` command: its settings, the parts behind it, and the words it understands."""

from config import load
from notifier.app.tools import Tools
from notifier.cli.main import command


def main() -> None:
    """Run the command line."""
    command(obj=lambda data_dir: Tools(load, data_dir))


if __name__ == "__main__":
    main()
