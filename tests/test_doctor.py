from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

import pytest

from gnomon.doctor import (
    EXTRAS,
    Check,
    Extra,
    check_allocator,
    check_bf16,
    check_chromium,
    check_device,
    check_disk,
    check_extra,
    check_memory,
    check_model,
    check_package,
    check_packages,
    check_python,
    check_torchvision,
    cpu_flags,
    diagnose,
    exit_code,
    memory_bytes,
)

# A model is made before anything is hidden: transformers remembers for good what it found missing.
pytestmark = pytest.mark.usefixtures("tiny_folder")


def test_every_needed_package_gets_a_check() -> None:
    names = {check.name for check in check_packages()}
    assert {"torch", "transformers", "pydantic", "typer", "rich"} <= names
    assert "pytest" not in names


def test_an_installed_package_in_range_is_ok() -> None:
    assert check_package("pytest>=1").status == "ok"


def test_a_package_out_of_range_says_what_to_install() -> None:
    check = check_package("pytest>=1000")
    assert check.status == "problem"
    assert check.remedy == "pip install 'pytest>=1000'"


def test_a_package_that_is_not_installed_is_a_problem() -> None:
    check = check_package("no-such-package-of-gnomon>=1")
    assert (check.status, check.detail) == ("problem", "not installed, needed >=1")


def test_this_python_is_supported() -> None:
    assert check_python().status == "ok"


def test_an_old_python_is_a_problem() -> None:
    check = check_python("3.9.1")
    assert check.status == "problem"
    assert "3.9.1, needed" in check.detail


def test_the_device_is_named() -> None:
    check = check_device()
    assert check.status == "ok"
    assert "threads" in check.detail or "GPU" in check.detail


@pytest.mark.parametrize(
    ("flags", "status"), [({"avx512_bf16", "sse"}, "ok"), ({"sse"}, "missing"), (set(), "missing")]
)
def test_bfloat16_without_hardware_is_reported_as_slow(flags: set[str], status: str) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("the GPU decides here")
    check = check_bf16(frozenset(flags))
    assert check.status == status
    assert ("slow" in check.detail) == (status == "missing")


def test_little_memory_is_a_problem_with_a_remedy() -> None:
    check = check_memory(2_000_000_000)
    assert check.status == "problem"
    assert "micro_batch_rows" in check.remedy
    assert check_memory(8_000_000_000).status == "ok"


def test_memory_of_this_machine_is_found() -> None:
    assert memory_bytes() > 100_000_000


def test_the_disk_of_a_folder_is_measured(tmp_path: Path) -> None:
    assert (
        check_disk(tmp_path).detail.endswith("run needs 2 GB")
        or "free" in check_disk(tmp_path).detail
    )


def test_a_folder_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    assert check_disk(tmp_path / "none").status == "problem"


def test_a_full_disk_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gnomon.doctor.NEEDED_DISK_GB", 1e12)
    assert "remove old runs" in check_disk(tmp_path).remedy


def test_a_model_that_does_not_load_is_a_problem(tmp_path: Path) -> None:
    check = check_model(str(tmp_path))
    assert check.status == "problem"
    assert "config.json" in check.detail


def test_an_absent_extra_says_what_would_not_work_and_how_to_get_it() -> None:
    check = check_extra(Extra("no_such_module_of_gnomon", "telepathy", "pip install it"))
    assert check == Check(
        "no_such_module_of_gnomon", "missing", "absent; without it: no telepathy", "pip install it"
    )


def test_a_present_extra_is_ok() -> None:
    assert check_extra(Extra("pytest", "tests", "")).status == "ok"


def test_a_module_without_a_distribution_is_present() -> None:
    assert check_extra(Extra("json", "JSON", "")).detail == "present"


@pytest.mark.parametrize(
    ("loaded", "status", "told"),
    [
        ("7f00 r-xp /usr/lib/libc.so.6\n", "missing", "C library"),
        ("7f00 /lib/libc.so.6\n7f10 /lib/libtcmalloc_minimal.so.4\n", "ok", "tcmalloc"),
        ("7f00 r-xp /opt/libjemalloc.so.2\n", "ok", "jemalloc"),
    ],
)  # fmt: skip
def test_the_allocator_is_read_from_what_is_loaded(
    tmp_path: Path, loaded: str, status: str, told: str
) -> None:
    maps = tmp_path / "maps"
    maps.write_text(loaded)
    check = check_allocator(maps)
    assert check.status == status
    assert told in check.detail
    assert ("LD_PRELOAD" in check.remedy) == (status == "missing")


def test_an_allocator_that_cannot_be_told_is_no_problem(tmp_path: Path) -> None:
    assert check_allocator(tmp_path / "absent").status == "ok"


def test_a_missing_browser_says_how_to_install_it() -> None:
    check = check_chromium(("no-such-browser",))
    assert (check.status, check.remedy) == ("missing", "apt-get install chromium")
    assert check_chromium(("no-such-browser", "sh")).status == "ok"


def test_torchvision_that_does_not_load_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "torchvision.py").write_text(
        "raise RuntimeError('operator torchvision::nms does not exist')"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "torchvision", raising=False)
    check = check_torchvision()
    assert check.status == "problem"
    assert "pip uninstall torchvision" in check.remedy


def test_torchvision_that_loads_is_fine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "torchvision.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "torchvision", raising=False)
    assert check_torchvision().detail.endswith(", not needed")
    monkeypatch.delitem(sys.modules, "torchvision")


def test_without_torch_the_doctor_still_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert check_device().status == "problem"
    assert check_bf16().status == "missing"


def test_a_tree_that_is_not_installed_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    for reader in ("requires", "metadata"):
        monkeypatch.setattr(metadata, reader, absent)
    [check] = check_packages()
    assert (check.name, check.status) == ("gnomon", "problem")
    assert check_python("3.11.0").status == "ok"


def test_a_model_that_loads_is_counted(tiny_folder: Path) -> None:
    check = check_model(str(tiny_folder))
    assert check.status == "ok"
    assert check.detail.endswith("M parameters")


def test_torchvision_is_not_needed() -> None:
    assert "not needed" in check_torchvision().detail


def test_processor_flags_are_read(tmp_path: Path) -> None:
    file = tmp_path / "cpuinfo"
    file.write_text("processor : 0\nflags\t\t: sse avx512_bf16\n")
    assert cpu_flags(file) == {"sse", "avx512_bf16"}


def test_a_machine_without_cpuinfo_has_no_flags(tmp_path: Path) -> None:
    assert cpu_flags(tmp_path / "none") == frozenset()


def test_only_a_problem_fails() -> None:
    ok, missing, problem = (Check("x", status, "") for status in ("ok", "missing", "problem"))  # type: ignore[arg-type]
    assert exit_code([ok, missing]) == 0
    assert exit_code([ok, missing, problem]) == 1


def test_a_diagnosis_holds_every_check() -> None:
    names = [check.name for check in diagnose()]
    assert names[0] == "python"
    expected = {"torchvision", "device", "bfloat16", "memory", "disk", "gnomon-micro", "chromium"}
    assert expected | {extra.module for extra in EXTRAS} <= set(names)
