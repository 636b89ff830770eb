from __future__ import annotations

from pathlib import Path

import pytest

from gnomon.cli import run_command
from gnomon.commands.errors import is_explained
from gnomon.media.files import wanted_module


def test_an_unknown_part_names_the_nearest_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["parts", "advantage", "gpro"]) == 2
    message = capsys.readouterr().err
    assert message.startswith("there is no advantage named 'gpro'; did you mean 'grpo'?\n")
    assert "Traceback" not in message


def test_an_unknown_kind_names_the_nearest_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["parts", "rewrd"]) == 2
    assert "did you mean 'reward'?" in capsys.readouterr().err


def test_an_unknown_recipe_names_the_nearest_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["train", "revisual-r2"]) == 2
    assert "did you mean 'revisual-r1'?" in capsys.readouterr().err


def test_an_error_goes_to_stderr_only(capsys: pytest.CaptureFixture[str]) -> None:
    run_command(["parts", "rewrd"])
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("place", [0, 3])
def test_debug_shows_the_traceback(place: int, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["parts", "advantage", "gpro"]
    arguments.insert(place, "--debug")
    assert run_command(arguments) == 2
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_the_environment_can_ask_for_the_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GNOMON_DEBUG", "1")
    run_command(["parts", "rewrd"])
    assert "Traceback" in capsys.readouterr().err


def test_a_fault_in_the_program_is_not_disguised(recipes: Path, tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        run_command(["train", f"{recipes}:faulty", "--out", str(tmp_path)])


def test_an_import_that_names_its_extra_is_explained_and_another_is_a_fault() -> None:
    with pytest.raises(ImportError) as caught:
        wanted_module("gnomon_absent", "Absent", "video")
    assert is_explained(caught.value)
    assert not is_explained(ImportError("cannot import name 'x'"))


def test_errors_of_gnomon_of_the_system_and_of_memory_are_explained() -> None:
    import torch

    from gnomon.checkpoint import CheckpointError
    from gnomon.models.load import ModelError
    from gnomon.parts import PartError
    from gnomon.recipe import RecipeError
    from gnomon.records import BadRecord
    from gnomon.run import RunError
    from gnomon.stages.updates import Diverged

    ours = (CheckpointError, ModelError, PartError, RecipeError, BadRecord, RunError, Diverged)
    for kind in (*ours, PermissionError, torch.OutOfMemoryError):
        assert is_explained(kind("x"))
    for kind in (ValueError, KeyError, RuntimeError, ZeroDivisionError):
        assert not is_explained(kind("x"))
