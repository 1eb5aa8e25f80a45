"""What a run costs: CPU time and memory of process trees, as the kernel counts them."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import psutil


def tree(*pids: int) -> Iterator[psutil.Process]:
    """These processes and all below them, each once."""
    seen: set[int] = set()
    for pid in pids:
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            if process.pid not in seen:
                seen.add(process.pid)
                yield process


def cpu_seconds(*pids: int) -> float:
    """CPU time that these trees have used so far, that of their ended and awaited children included."""
    total = 0.0
    for process in tree(*pids):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def pss_mb(*pids: int) -> float:
    """Proportional set size of these trees in MB: a page that n processes share counts 1/n for each."""
    return sum(_pss_kb(process.pid) for process in tree(*pids)) / 1024


def forget_peak() -> None:
    """Let this process's peak memory be counted from here on (Linux, proc(5): clear_refs)."""
    Path("/proc/self/clear_refs").write_text("5")


def peak_mb() -> float:
    """The most resident memory that this process had at once since then, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def _pss_kb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
