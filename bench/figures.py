"""Figures: ours beside a baseline, round by round; their table and their file."""

import json
import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("flask", "gunicorn", "celery", "sqlalchemy", "psycopg", "flask-mail", "css-inline", "pywebpush", "requests")


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing measured for ours and for a baseline in the same rounds.

    `goal` is how many times better ours is to be, `most` what ours may be at most; neither: for reference only.
    """

    name: str
    unit: str
    ours: tuple[float, ...]
    baseline: tuple[float, ...]
    against: str
    goal: float | None = None
    most: float | None = None
    more_is_better: bool = False

    @property
    def ratio(self) -> float:
        """How many times better ours is: the median of the rounds' own ratios, so that load hits both sides."""
        pairs = zip(self.ours, self.baseline, strict=True)
        return median(ours / base if self.more_is_better else base / ours for ours, base in pairs)

    @property
    def verdict(self) -> str:
        if self.goal is None and self.most is None:
            return "-"
        reached = self.goal is None or self.ratio >= self.goal
        within = self.most is None or median(self.ours) <= self.most
        return "ok" if reached and within else "MISS"

    @property
    def wanted(self) -> str:
        """The goal in words."""
        goal = [f">= {self.goal:g}x"] if self.goal is not None else []
        return ", ".join(goal + ([f"<= {self.most:g}"] if self.most is not None else [])) or "-"


@dataclass(frozen=True, slots=True)
class Measured:
    """What a benchmark found, and what it could not do here and why."""

    figures: tuple[Figure, ...]
    skipped: tuple[str, ...] = ()


def table(figures: Iterable[Figure]) -> str:
    """The figures as lines of text."""
    head = ("name", "ours", "baseline", "unit", "ratio", "goal", "", "against")
    rows = [head, *(_row(figure) for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column in (1, 2, 4) else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def write(name: str, measured: Measured, rounds: int) -> Path:
    """Keep the figures with all that they depend on."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    found = {
        "benchmark": name,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": _machine(),
        "versions": {"python": platform.python_version()} | {package: version(package) for package in PACKAGES},
        "rounds": rounds,
        "figures": [_as_json(figure) for figure in measured.figures],
        "skipped": list(measured.skipped),
    }
    path.write_text(json.dumps(found, indent=2) + "\n")
    return path


def _row(figure: Figure) -> Sequence[str]:
    return (
        figure.name,
        _number(median(figure.ours)),
        _number(median(figure.baseline)),
        figure.unit,
        f"{figure.ratio:.2f}x" if figure.ratio < 2 else f"{figure.ratio:.1f}x",
        figure.wanted,
        figure.verdict,
        figure.against,
    )


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _as_json(figure: Figure) -> dict[str, object]:
    return {
        "name": figure.name,
        "unit": figure.unit,
        "ours": [round(value, 4) for value in figure.ours],
        "baseline": [round(value, 4) for value in figure.baseline],
        "against": figure.against,
        "ratio": round(figure.ratio, 2),
        "goal": figure.wanted,
        "verdict": figure.verdict,
    }


def _machine() -> dict[str, object]:
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "load": [round(load, 2) for load in os.getloadavg()],
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
