"""What a run ran on: versions, device, threads and the state of the source tree."""

from __future__ import annotations

import os
import platform
import resource
import shlex
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = (
    "gnomon",
    "torch",
    "transformers",
    "accelerate",
    "peft",
    "datasets",
    "safetensors",
    "tokenizers",
    "numpy",
    "pillow",
    "pyarrow",
    "scikit-learn",
    "math-verify",
    "sympy",
    "vllm",
    "verl",
)


def environment(folder: Path | None = None) -> dict[str, Any]:
    """What reproducing a run needs to know; ``folder`` (the current one) is where git is asked.

    Environment variables are never recorded: they hold secrets. Device and threads are those of
    torch when it is loaded already. Source: ours.
    """
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": _versions(),
        "device": _device(),
        "threads": _threads(),
        "git": git_state(folder or Path.cwd()),
        "command": shlex.join(sys.argv),
    }


def peak_memory() -> float:
    """Most memory in GB (10^9 bytes) that this process has held so far, children left out.

    The kernel reports KiB on Linux and bytes on macOS.
    """
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e9


def git_state(folder: Path) -> dict[str, Any] | None:
    """Commit, branch and whether files differ from it; None without git or a commit."""
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return {
        "commit": commit,
        "branch": _git(folder, "rev-parse", "--abbrev-ref", "HEAD"),
        "dirty": None if changes is None else bool(changes),
    }


def _git(folder: Path, *arguments: str) -> str | None:
    # A repository's settings can name a program to run; this is the one that `status` starts.
    command = ["git", "--no-optional-locks", "-c", "core.fsmonitor=false", *arguments]
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _versions() -> dict[str, str]:
    found: dict[str, str] = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _device() -> str:
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        return str(torch.cuda.get_device_name(0))
    return "cpu"


def _threads() -> int:
    torch = sys.modules.get("torch")
    return int(torch.get_num_threads()) if torch is not None else os.cpu_count() or 1
