"""Senders of other languages, where they are installed: nothing is downloaded for a benchmark."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent / "rivals"


def missing(package: str) -> str:
    """Why this npm package cannot run here; empty where it can."""
    if not (node := shutil.which("node")):
        return f"{package}: no Node.js here"
    found = subprocess.run([node, "-e", f"require.resolve('{package}')"], cwd=HERE, capture_output=True, check=False)
    if found.returncode:
        return f"{package}: not installed (`npm install --prefix bench/rivals {package}` puts it beside the benchmarks)"
    return ""


def run(script: str, **options: Any) -> float:
    """Run a script of `rivals/` with these options; gives the CPU seconds that its sending took."""
    command = ["node", str(HERE / script), json.dumps(options)]
    done = subprocess.run(command, cwd=HERE, capture_output=True, check=True, text=True, timeout=300)
    return float(done.stdout)
