from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from gnomon import machine


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-b", "main")
    (tmp_path / "a").write_text("1")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "-m", "first")
    return tmp_path


def test_the_environment_can_be_written_as_json() -> None:
    found = json.loads(json.dumps(machine.environment()))
    assert found["packages"]["torch"] and found["python"].startswith("3.")
    assert found["threads"] >= 1 and found["device"]


def test_environment_variables_are_never_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "a-secret-token")
    assert "a-secret-token" not in json.dumps(machine.environment())


def test_packages_that_are_not_installed_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "PACKAGES", ("torch", "no-such-package"))
    assert list(machine.environment()["packages"]) == ["torch"]


def test_threads_and_device_are_known_without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(machine.sys.modules, "torch", raising=False)
    found = machine.environment()
    assert (found["device"], found["threads"]) == ("cpu", os.cpu_count())


def test_the_name_of_the_gpu_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "A GPU")
    assert machine.environment()["device"] == "A GPU"


def test_a_clean_tree_has_commit_and_branch(repository: Path) -> None:
    state = machine.git_state(repository)
    assert state is not None and len(state["commit"]) == 40
    assert (state["branch"], state["dirty"]) == ("main", False)


def test_a_changed_file_makes_the_tree_dirty_and_a_new_one_does_not(repository: Path) -> None:
    (repository / "b").write_text("new")
    assert (machine.git_state(repository) or {})["dirty"] is False
    (repository / "a").write_text("2")
    assert (machine.git_state(repository) or {})["dirty"] is True


def test_a_hook_that_the_repository_names_is_not_run(repository: Path, tmp_path: Path) -> None:
    hook = repository / "hook.sh"
    hook.write_text(f"#!/bin/sh\ntouch {repository / 'ran'}\n")
    hook.chmod(0o755)
    git(repository, "config", "core.fsmonitor", str(hook))
    machine.git_state(repository)
    assert not (repository / "ran").exists()


def test_outside_a_repository_the_state_is_none(tmp_path: Path) -> None:
    assert machine.git_state(tmp_path) is None


def test_without_git_the_state_is_none(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert machine.git_state(repository) is None


def test_the_peak_of_memory_is_in_gigabytes_and_never_falls() -> None:
    before = machine.peak_memory()
    held = bytearray(b"x" * 300_000_000)
    after = machine.peak_memory()
    del held
    assert 0.01 < before <= after < 100
    assert after >= 0.3
    assert machine.peak_memory() >= after
