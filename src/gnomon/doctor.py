"""What is installed, on what device, and what would not work and why.

Each check is a small function that returns a `Check` and never raises: a broken machine is what it
is for.
"""

from __future__ import annotations

import importlib
import os
import platform
import shutil
from collections.abc import Sequence
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, NamedTuple

Status = Literal["ok", "missing", "problem"]

NEEDED_MEMORY_GB = 4.0
"""A micro run stays below this (ours)."""
NEEDED_DISK_GB = 2.0
"""A micro run with its checkpoints, rollouts and report stays below this (ours)."""
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "chrome")
ALLOCATORS = ("tcmalloc", "jemalloc", "mimalloc")
"""Those that keep freed memory for the next tensors."""
CPU_BF16 = ("amx_bf16", "avx512_bf16", "bf16")
GIGA = 1e9


class Check(NamedTuple):
    """One line; ``problem`` is a needed thing that is broken, ``missing`` an optional one."""

    name: str
    status: Status
    detail: str
    remedy: str = ""


class Extra(NamedTuple):
    """An optional package: its module, what it is for, and how to get it."""

    module: str
    purpose: str
    install: str


EXTRAS = (
    Extra("av", "reading video", "pip install av"),
    Extra("soundfile", "reading sound", "pip install soundfile"),
    Extra("playwright", "pages in a real browser", "pip install 'gnomon[pages]'"),
    Extra("vllm", "rollouts with vLLM on a GPU", "pip install 'gnomon[vllm]'"),
    Extra("verl", "very large runs with verl", "pip install verl"),
)


def diagnose(folder: Path | None = None) -> list[Check]:
    """All checks, in order; runs would be written to ``folder`` (the current one)."""
    return [
        check_python(),
        *check_packages(),
        check_torchvision(),
        check_device(),
        check_bf16(),
        check_allocator(),
        check_memory(memory_bytes()),
        check_disk(folder or Path.cwd()),
        check_model(),
        *(check_extra(extra) for extra in EXTRAS),
        check_chromium(),
    ]


def exit_code(checks: Sequence[Check]) -> int:
    """1 when a needed thing is broken, otherwise 0."""
    return int(any(check.status == "problem" for check in checks))


def check_python(version: str | None = None) -> Check:
    """Whether this Python is one that the package supports."""
    from packaging.specifiers import SpecifierSet

    version = version or platform.python_version()
    wanted = _metadata("requires_python") or ">=3.11"
    if SpecifierSet(wanted).contains(version, prereleases=True):
        return Check("python", "ok", version)
    remedy = f"make the environment anew with a Python {wanted}"
    return Check("python", "problem", f"{version}, needed {wanted}", remedy)


def check_packages() -> list[Check]:
    """One check for each package that the installed distribution requires."""
    try:
        lines = metadata.requires("gnomon") or []
    except metadata.PackageNotFoundError:
        remedy = "install it with `pip install -e .` in its folder"
        return [Check("gnomon", "problem", "it is imported but not installed", remedy)]
    return [check_package(line) for line in lines if "extra ==" not in line]


def check_package(requirement: str) -> Check:
    """Whether an installed package satisfies a requirement such as ``torch>=2.11,<2.14``."""
    from packaging.requirements import Requirement

    wanted = Requirement(requirement)
    install = f"pip install '{wanted.name}{wanted.specifier}'"
    try:
        version = metadata.version(wanted.name)
    except metadata.PackageNotFoundError:
        return Check(wanted.name, "problem", f"not installed, needed {wanted.specifier}", install)
    if wanted.specifier.contains(version, prereleases=True):
        return Check(wanted.name, "ok", version)
    return Check(wanted.name, "problem", f"{version}, needed {wanted.specifier}", install)


def check_torchvision() -> Check:
    """torchvision is not needed, but one that does not fit torch breaks transformers."""
    if find_spec("torchvision") is None:
        return Check("torchvision", "ok", "absent and not needed: Pillow reads the images")
    try:
        importlib.import_module("torchvision")
    except (ImportError, RuntimeError, OSError) as error:
        remedy = "pip uninstall torchvision, which is not needed, or install the one for this torch"
        return Check("torchvision", "problem", f"it does not load: {_first_line(error)}", remedy)
    return Check("torchvision", "ok", f"{_version('torchvision')}, not needed")


def check_device() -> Check:
    """What torch computes on, and with how many threads."""
    try:
        import torch
    except (ImportError, OSError) as error:
        remedy = "pip install torch"
        return Check("device", "problem", f"torch does not load: {_first_line(error)}", remedy)
    if torch.cuda.is_available():
        found = torch.cuda.get_device_properties(0)
        count = torch.cuda.device_count()
        detail = f"{count} GPU: {found.name}, {found.total_memory / GIGA:.0f} GB"
        return Check("device", "ok", detail)
    detail = f"CPU, {torch.get_num_threads()} threads"
    return Check("device", "ok", detail, "micro runs need no GPU; full scale does")


def check_bf16(flags: frozenset[str] | None = None) -> Check:
    """Whether bfloat16 is computed natively; ``flags`` are those of the processor."""
    try:
        import torch
    except (ImportError, OSError):
        return Check("bfloat16", "missing", "torch does not load")
    if torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False):
        return Check("bfloat16", "ok", "native on this GPU")
    native = sorted((flags if flags is not None else cpu_flags()) & set(CPU_BF16))
    if native:
        return Check("bfloat16", "ok", f"native on this CPU ({', '.join(native)})")
    remedy = "keep model.dtype=float32, the default of micro runs"
    return Check("bfloat16", "missing", "emulated here: correct, but slow", remedy)


def check_allocator(maps: Path = Path("/proc/self/maps")) -> Check:
    """What gives memory to tensors on a CPU; ``maps`` names the libraries that are loaded."""
    try:
        loaded = maps.read_text()
    except OSError:
        return Check("allocator", "ok", "that of this system")
    for name in ALLOCATORS:
        if name in loaded:
            return Check("allocator", "ok", name)
    detail = "that of the C library, with which training on a CPU is slower"
    remedy = (
        "apt install libtcmalloc-minimal4; LD_PRELOAD=libtcmalloc_minimal.so.4 gnomon train ..."
    )
    return Check("allocator", "missing", detail, remedy)


def check_memory(total: int) -> Check:
    """Whether ``total`` bytes of memory are enough for a micro run."""
    if total >= NEEDED_MEMORY_GB * GIGA:
        return Check("memory", "ok", f"{total / GIGA:.1f} GB")
    detail = f"{total / GIGA:.1f} GB, a micro run needs {NEEDED_MEMORY_GB:.0f} GB"
    remedy = "use a larger machine or container, or lower stages.<name>.micro_batch_rows or _tokens"
    return Check("memory", "problem", detail, remedy)


def check_disk(folder: Path) -> Check:
    """Whether the disk of ``folder`` has room for a micro run."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Check("disk", "problem", _first_line(error), "name a folder that exists")
    if free >= NEEDED_DISK_GB * GIGA:
        return Check("disk", "ok", f"{free / GIGA:.1f} GB free")
    detail = f"{free / GIGA:.1f} GB free, a micro run needs {NEEDED_DISK_GB:.0f} GB"
    return Check("disk", "problem", detail, "remove old runs or use --out on another disk")


def check_model(name: str = "gnomon-micro") -> Check:
    """Whether the bundled model (or another one) loads completely."""
    try:
        from gnomon.models.load import load_policy

        policy = load_policy(name)
    except (ImportError, OSError, ValueError, RuntimeError) as error:
        remedy = "install Gnomon again; `gnomon recipes` names the recipes that make it anew"
        return Check(name, "problem", _first_line(error), remedy)
    count = sum(parameter.numel() for parameter in policy.core.parameters())
    return Check(name, "ok", f"loads, {count / 1e6:.1f} M parameters")


def check_extra(extra: Extra) -> Check:
    """Whether an optional package is there; nothing bundled needs one."""
    if find_spec(extra.module) is None:
        return Check(
            extra.module, "missing", f"absent; without it: no {extra.purpose}", extra.install
        )
    return Check(extra.module, "ok", _version(extra.module))


def check_chromium(names: Sequence[str] = CHROMIUM) -> Check:
    """Whether a browser is there, for the world of pages and the tests of the report."""
    found = next((path for path in map(shutil.which, names) if path), None)
    if found:
        return Check("chromium", "ok", found)
    detail = "absent; without it: no world of pages, and no test of the report in a browser"
    return Check("chromium", "missing", detail, "apt-get install chromium")


def memory_bytes() -> int:
    """Memory that this process may use: the machine's or, where it is less, the container's."""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
    except OSError:
        return total
    return min(total, int(limit)) if limit.isdigit() else total


def cpu_flags(path: Path = Path("/proc/cpuinfo")) -> frozenset[str]:
    """Instruction sets of the processor as Linux names them; empty elsewhere."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return frozenset()
    named = (line.partition(":")[2] for line in lines if line.startswith(("flags", "Features")))
    return frozenset(next(named, "").split())


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "present"


def _metadata(field: str) -> str | None:
    try:
        found = metadata.metadata("gnomon").json.get(field)
    except metadata.PackageNotFoundError:
        return None
    return found if isinstance(found, str) else None


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).partition("\n")[0]
