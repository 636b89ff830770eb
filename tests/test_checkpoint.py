from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gnomon import checkpoint as cp
from gnomon.checkpoint import CheckpointError
from gnomon.disk import is_alive, write_atomic

FILES = {"model/weights.bin": bytes(range(256)), "state.json": b'{"step":3}', "empty": b""}


def fill_with(files: dict[str, bytes]) -> Callable[[Path], None]:
    def fill(folder: Path) -> None:
        for name, data in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)

    return fill


def write(parent: Path, step: int, files: dict[str, bytes] = FILES) -> Path:
    return cp.write_checkpoint(parent / f"step-{step:06d}", fill_with(files))


def fail_with(number: int) -> Callable[[Path], None]:
    def fill(folder: Path) -> None:
        (folder / "half").write_bytes(b"x" * 100)
        raise OSError(number, os.strerror(number))

    return fill


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# -- writing ----------------------------------------------------------------------------------


def test_a_written_checkpoint_holds_its_files_and_verifies(tmp_path: Path) -> None:
    folder = write(tmp_path / "run", 3)
    cp.verify(folder)
    assert {name: (folder / name).read_bytes() for name in FILES} == FILES


def test_writing_leaves_nothing_beside_the_checkpoint(tmp_path: Path) -> None:
    write(tmp_path, 3)
    assert names(tmp_path) == ["step-000003"]


def test_the_checkpoint_is_not_there_before_it_is_whole(tmp_path: Path) -> None:
    folder = tmp_path / "step-000001"
    seen: list[bool] = []
    cp.write_checkpoint(folder, lambda _: seen.append(folder.exists()))
    assert seen == [False]


def test_an_incomplete_folder_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "step-000003").mkdir()
    (tmp_path / "step-000003" / "rest").write_bytes(b"old")
    folder = write(tmp_path, 3)
    cp.verify(folder)
    assert names(tmp_path) == ["step-000003"]


def test_a_whole_checkpoint_can_be_written_again(tmp_path: Path) -> None:
    write(tmp_path, 3)
    folder = write(tmp_path, 3, {"state.json": b"new"})
    assert (folder / "state.json").read_bytes() == b"new"


def test_stale_rests_of_the_same_process_are_overwritten(tmp_path: Path) -> None:
    stale = tmp_path / f".tmp-step-000003-{os.getpid()}"
    stale.mkdir()
    (stale / "rest").write_bytes(b"old")
    assert not (write(tmp_path, 3) / "rest").exists()


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError):
        cp.write_checkpoint(tmp_path / "step-000001", fail_with(errno.ENOSPC))
    assert names(tmp_path) == []


def test_a_full_disk_is_explained_with_room_and_last_good_checkpoint(tmp_path: Path) -> None:
    good = write(tmp_path, 1)
    with pytest.raises(CheckpointError) as caught:
        cp.write_checkpoint(tmp_path / "step-000002", fail_with(errno.ENOSPC))
    text = str(caught.value)
    assert "No space left" in text and "MB are free" in text and "MB are needed" in text
    assert str(good) in text and "free some space" in text


def test_a_full_disk_without_an_earlier_checkpoint_says_so(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no earlier one"):
        cp.write_checkpoint(tmp_path / "step-000002", fail_with(errno.ENOSPC))


def test_a_failed_rewrite_keeps_the_old_checkpoint(tmp_path: Path) -> None:
    good = write(tmp_path, 1)
    with pytest.raises(CheckpointError):
        cp.write_checkpoint(good, fail_with(errno.EIO))
    cp.verify(good)


def test_a_parent_that_is_a_file_is_explained(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("not a folder")
    with pytest.raises(CheckpointError, match="could not be written"):
        write(tmp_path / "runs", 1)


def test_other_exceptions_pass_and_leave_nothing_behind(tmp_path: Path) -> None:
    def fill(folder: Path) -> None:
        (folder / "half").write_bytes(b"x")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cp.write_checkpoint(tmp_path / "step-000001", fill)
    assert names(tmp_path) == []


def test_a_link_in_a_checkpoint_is_refused_when_writing(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="is a link"):
        cp.write_checkpoint(tmp_path / "step-000001", lambda f: (f / "a").symlink_to("/etc/hosts"))


def test_two_writers_leave_one_whole_checkpoint(tmp_path: Path) -> None:
    def fill(folder: Path) -> None:
        fill_with(FILES)(folder)
        code = f"""
            from pathlib import Path
            from gnomon.checkpoint import write_checkpoint
            write_checkpoint(Path({str(tmp_path)!r}) / "step-000001",
                             lambda folder: (folder / "other").write_bytes(b"1"))
        """
        subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)

    folder = cp.write_checkpoint(tmp_path / "step-000001", fill)
    cp.verify(folder)
    assert names(tmp_path) == ["step-000001"]


@pytest.mark.parametrize("moment", ["fill", "seal", "swap"])
def test_a_kill_while_writing_leaves_the_earlier_checkpoint(tmp_path: Path, moment: str) -> None:
    good = write(tmp_path, 1)
    code = f"""
        import os, signal, pathlib
        from gnomon import checkpoint as cp
        def die(*_):
            os.kill(os.getpid(), signal.SIGKILL)
        def fill(folder):
            (folder / "a").write_bytes(b"x" * 1000)
            if {moment!r} == "fill":
                die()
        if {moment!r} == "seal":
            cp.sha256_of = die
        if {moment!r} == "swap":
            pathlib.Path.rename = die
        cp.write_checkpoint(pathlib.Path({str(tmp_path)!r}) / "step-000002", fill)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert cp.newest_valid(tmp_path) == (good, [])
    assert len(cp.remove_stale(tmp_path)) == 1
    assert names(tmp_path) == ["step-000001"]


# -- damage -----------------------------------------------------------------------------------


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_changed_byte_of_any_file_is_noticed(tmp_path: Path, data: st.DataObject) -> None:
    folder = write(tmp_path, 1, {"a.bin": bytes(range(40)), "b.json": b"[1,2]"})
    path = folder / data.draw(st.sampled_from(["a.bin", "b.json", cp.MANIFEST]))
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    with pytest.raises(CheckpointError):
        cp.verify(folder)


def test_a_flipped_byte_is_reported_with_its_file(tmp_path: Path) -> None:
    folder = write(tmp_path, 1)
    (folder / "model/weights.bin").write_bytes(b"\xff" + FILES["model/weights.bin"][1:])
    with pytest.raises(CheckpointError, match=r"model/weights\.bin.*changed"):
        cp.verify(folder)


def test_a_truncated_file_is_reported_with_its_sizes(tmp_path: Path) -> None:
    folder = write(tmp_path, 1)
    os.truncate(folder / "model/weights.bin", 100)
    with pytest.raises(CheckpointError, match="100 bytes instead of 256"):
        cp.verify(folder)


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    folder = write(tmp_path, 1)
    (folder / "state.json").unlink()
    with pytest.raises(CheckpointError, match=r"state\.json' is missing"):
        cp.verify(folder)


def test_an_extra_file_is_reported(tmp_path: Path) -> None:
    folder = write(tmp_path, 1)
    (folder / "gadget.pkl").write_bytes(b"x")
    with pytest.raises(CheckpointError, match=r"gadget\.pkl' does not belong"):
        cp.verify(folder)


def test_swapped_files_are_reported(tmp_path: Path) -> None:
    folder = write(tmp_path, 1, {"a": b"1", "b": b"2"})
    (folder / "a").write_bytes(b"2")
    (folder / "b").write_bytes(b"1")
    with pytest.raises(CheckpointError, match="'a' has changed"):
        cp.verify(folder)


def test_a_file_replaced_by_a_link_to_its_content_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path, 1)
    (folder / "state.json").rename(tmp_path / "elsewhere")
    (folder / "state.json").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CheckpointError, match="link"):
        cp.verify(folder)


def test_a_folder_without_manifest_is_incomplete(tmp_path: Path) -> None:
    folder = write(tmp_path, 1)
    (folder / cp.MANIFEST).unlink()
    with pytest.raises(CheckpointError, match="incomplete"):
        cp.verify(folder)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format":1,"files":{"a":3}}', "\x00\x00"])
def test_a_damaged_manifest_is_reported(tmp_path: Path, text: str) -> None:
    folder = write(tmp_path, 1)
    (folder / cp.MANIFEST).write_text(text)
    with pytest.raises(CheckpointError, match="cannot be read"):
        cp.verify(folder)


def test_a_manifest_of_a_later_format_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path, 1)
    manifest = json.loads((folder / cp.MANIFEST).read_text()) | {"format": 99}
    (folder / cp.MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(CheckpointError, match="format 99"):
        cp.verify(folder)


# -- choosing, removing -----------------------------------------------------------------------


def test_the_newest_checkpoint_is_that_with_the_highest_step(tmp_path: Path) -> None:
    for step in (9, 1000000, 20):
        write(tmp_path, step)
    assert cp.newest_valid(tmp_path) == (tmp_path / "step-1000000", [])


def test_damaged_newer_checkpoints_are_skipped_and_named(tmp_path: Path) -> None:
    good = write(tmp_path, 1)
    (write(tmp_path, 2) / "state.json").unlink()
    (tmp_path / "step-000003").mkdir()
    found, problems = cp.newest_valid(tmp_path)
    assert found == good
    assert ["step-000003" in problems[0], "step-000002" in problems[1]] == [True, True]


def test_no_checkpoint_gives_none(tmp_path: Path) -> None:
    assert cp.newest_valid(tmp_path / "nowhere") == (None, [])


def test_temporary_folders_are_never_chosen(tmp_path: Path) -> None:
    write(tmp_path, 1).rename(tmp_path / ".tmp-step-000001-99999999")
    assert cp.newest_valid(tmp_path) == (None, [])


def test_rests_of_dead_writers_are_removed_and_checkpoints_are_kept(tmp_path: Path) -> None:
    write(tmp_path, 1)
    stale = tmp_path / ".tmp-step-000002-99999999"
    stale.mkdir()
    (tmp_path / ".tmp-file-99999999").write_text("x")
    assert stale in cp.remove_stale(tmp_path)
    assert names(tmp_path) == ["step-000001"]


def test_the_folder_of_a_living_writer_is_left_alone(tmp_path: Path) -> None:
    living = tmp_path / f".tmp-step-000002-{os.getppid()}"
    living.mkdir()
    assert cp.remove_stale(tmp_path) == []
    assert living.exists()


def test_a_checkpoint_moved_aside_by_a_killed_writer_is_put_back(tmp_path: Path) -> None:
    folder = write(tmp_path, 1)
    folder.rename(tmp_path / ".tmp-replaced-step-000001-99999999")
    assert cp.remove_stale(tmp_path) == []
    cp.verify(folder)


def test_a_checkpoint_moved_aside_and_replaced_is_removed(tmp_path: Path) -> None:
    write(tmp_path, 1).rename(tmp_path / ".tmp-replaced-step-000001-99999999")
    write(tmp_path, 1)
    assert len(cp.remove_stale(tmp_path)) == 1


def test_pruning_keeps_the_newest(tmp_path: Path) -> None:
    for step in range(1, 6):
        write(tmp_path, step)
    assert len(cp.prune(tmp_path, 2)) == 3
    assert names(tmp_path) == ["step-000004", "step-000005"]


def test_pruning_does_not_count_unfinished_folders(tmp_path: Path) -> None:
    write(tmp_path, 1)
    (tmp_path / "step-000002").mkdir()
    assert cp.prune(tmp_path, 1) == []


def test_pruning_everything_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="keep=0"):
        cp.prune(tmp_path, 0)


def test_a_checkpoint_is_put_back_when_its_replacement_cannot_be_renamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = write(tmp_path, 1)
    rename = Path.rename

    def fail_once(self: Path, target: Path) -> Path:
        if self.name.startswith(".tmp-step"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail_once)
    with pytest.raises(CheckpointError, match="Input/output error"):
        write(tmp_path, 1, {"state.json": b"new"})
    cp.verify(good)
    assert names(tmp_path) == ["step-000001"]


def test_the_process_of_another_user_counts_as_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    assert is_alive(1)


def test_our_own_process_and_impossible_ones_do_not_count_as_alive() -> None:
    assert [is_alive(os.getpid()), is_alive(-1), is_alive(10**30)] == [False, False, False]


def test_a_failed_atomic_write_keeps_the_old_content(tmp_path: Path) -> None:
    path = write_atomic(tmp_path / "a" / "b.json", b"old")
    path_is_a_folder = tmp_path / "a"
    with pytest.raises(OSError):
        write_atomic(path_is_a_folder, b"new")
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


def test_reading_this_module_does_not_import_torch() -> None:
    code = "import sys, gnomon.checkpoint; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# -- tensors ----------------------------------------------------------------------------------


def test_tensors_come_back_with_their_bits_and_types(tmp_path: Path) -> None:
    tensors = {
        "a": torch.tensor([float("nan"), -0.0, 1e-40]),
        "b": torch.ones(2, 3, dtype=torch.bfloat16).T,
        "c": torch.tensor(7),
    }
    cp.save_tensors(tmp_path / "x.safetensors", tensors, {"step": "3"})
    loaded = cp.load_tensors(tmp_path / "x.safetensors", ["a", "b", "c"])
    for name, tensor in tensors.items():
        same = torch.equal(
            loaded[name].contiguous().view(torch.uint8) if name != "c" else loaded[name],
            tensor.contiguous().view(torch.uint8) if name != "c" else tensor,
        )
        assert same and loaded[name].dtype == tensor.dtype
    assert cp.read_metadata(tmp_path / "x.safetensors") == {"step": "3"}


def test_a_missing_tensor_is_named_with_its_nearest(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    cp.save_tensors(path, {"visual.block.0": torch.zeros(1)}, {})
    with pytest.raises(CheckpointError, match=r"model\.visual\.block\.0.*mean 'visual\.block\.0'"):
        cp.load_tensors(path, ["model.visual.block.0"])


def test_an_unexpected_tensor_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    cp.save_tensors(path, {"a": torch.zeros(1), "zzzz": torch.zeros(1)})
    with pytest.raises(CheckpointError, match="'zzzz' is unexpected"):
        cp.load_tensors(path, ["a"])


def test_a_pickle_in_the_place_of_tensors_is_refused(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(1)}, tmp_path / "x.safetensors")
    with pytest.raises(CheckpointError, match="cannot be loaded"):
        cp.load_tensors(tmp_path / "x.safetensors")
    with pytest.raises(CheckpointError, match="cannot be loaded"):
        cp.read_metadata(tmp_path / "x.safetensors")


def test_a_missing_file_of_tensors_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot be loaded"):
        cp.load_tensors(tmp_path / "x.safetensors")


def test_tensors_that_cannot_be_written_are_a_disk_failure(tmp_path: Path) -> None:
    def fill(folder: Path) -> None:
        cp.save_tensors(folder / "nowhere" / "x.safetensors", {"a": torch.zeros(1)})

    with pytest.raises(CheckpointError, match="could not be written"):
        cp.write_checkpoint(tmp_path / "step-000001", fill)


# -- optimisers -------------------------------------------------------------------------------

OPTIMISERS: dict[str, Callable[[list[dict[str, object]]], torch.optim.Optimizer]] = {
    "adamw": lambda groups: torch.optim.AdamW(groups, lr=1e-2),
    "adamw-fused": lambda groups: torch.optim.AdamW(groups, lr=1e-2, fused=True),
    "adamw-amsgrad": lambda groups: torch.optim.AdamW(groups, lr=1e-2, amsgrad=True),
    "adamw-tensor-lr": lambda groups: torch.optim.AdamW(groups, lr=torch.tensor(0.01)),
    "sgd": lambda groups: torch.optim.SGD(groups, lr=1e-2),
    "sgd-momentum": lambda groups: torch.optim.SGD(groups, lr=1e-2, momentum=0.9),
}


def build(name: str = "adamw") -> tuple[torch.nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    decayed = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    groups: list[dict[str, object]] = [{"params": decayed, "weight_decay": 0.1}, {"params": others}]
    return model, OPTIMISERS[name](groups)


def train(model: torch.nn.Module, optimizer: torch.optim.Optimizer, steps: range) -> None:
    for step in steps:
        x = torch.randn(5, 4, generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        model(x).pow(2).mean().backward()
        optimizer.step()
        optimizer.param_groups[0]["lr"] *= 0.9


def save(folder: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> Path:
    def fill(place: Path) -> None:
        tensors, state = cp.optimizer_tensors(optimizer, model.named_parameters())
        cp.save_tensors(place / "optimizer.safetensors", tensors, {})
        (place / "optimizer.json").write_text(json.dumps(state))
        cp.save_tensors(place / "model.safetensors", model.state_dict(), {})

    return cp.write_checkpoint(folder, fill)


def resume(folder: Path, name: str) -> tuple[torch.nn.Module, torch.optim.Optimizer]:
    model, optimizer = build(name)
    model.load_state_dict(cp.load_tensors(folder / "model.safetensors", model.state_dict()))
    cp.restore_optimizer(
        optimizer,
        cp.load_tensors(folder / "optimizer.safetensors"),
        json.loads((folder / "optimizer.json").read_text()),
        model.named_parameters(),
    )
    return model, optimizer


@pytest.mark.parametrize("name", OPTIMISERS)
def test_three_steps_and_three_more_equal_six_bit_for_bit(tmp_path: Path, name: str) -> None:
    model, optimizer = build(name)
    train(model, optimizer, range(3))
    folder = save(tmp_path / "step-000003", model, optimizer)
    train(model, optimizer, range(3, 6))
    other, other_optimizer = resume(folder, name)
    train(other, other_optimizer, range(3, 6))
    for one, two in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(one, two)


def test_restoring_before_the_first_step_leaves_no_state(tmp_path: Path) -> None:
    model, optimizer = build()
    folder = save(tmp_path / "step-000000", model, optimizer)
    other, other_optimizer = build()
    train(other, other_optimizer, range(1))
    tensors = cp.load_tensors(folder / "optimizer.safetensors")
    state = json.loads((folder / "optimizer.json").read_text())
    cp.restore_optimizer(other_optimizer, tensors, state)
    assert len(other_optimizer.state) == 0


def trained_state(
    name: str = "adamw",
) -> tuple[torch.nn.Module, torch.optim.Optimizer, dict[str, torch.Tensor], dict[str, object]]:
    model, optimizer = build(name)
    train(model, optimizer, range(1))
    tensors, state = cp.optimizer_tensors(optimizer, dict(model.named_parameters()))
    return model, optimizer, tensors, json.loads(json.dumps(state))


def test_the_state_is_kept_by_parameter_name() -> None:
    _, _, tensors, _ = trained_state()
    assert {"0.weight/exp_avg", "0.weight/exp_avg_sq", "0.weight/step"} < tensors.keys()


def test_restored_tensors_are_copies() -> None:
    _, _, tensors, state = trained_state()
    before = tensors["0.weight/exp_avg"].clone()
    _, other = build()
    cp.restore_optimizer(other, tensors, state)
    for held in other.state.values():
        held["exp_avg"].zero_()
    assert torch.equal(tensors["0.weight/exp_avg"], before)


def test_a_missing_optimiser_tensor_is_refused_before_anything_changes() -> None:
    _, _, tensors, state = trained_state()
    del tensors["2.weight/exp_avg"]
    _, other = build()
    with pytest.raises(CheckpointError, match=r"2\.weight/exp_avg' is missing"):
        cp.restore_optimizer(other, tensors, state)
    assert len(other.state) == 0


def test_an_unexpected_optimiser_tensor_is_refused() -> None:
    _, optimizer, tensors, state = trained_state()
    tensors["2.weight/exp_avgs"] = torch.zeros(1)
    with pytest.raises(CheckpointError, match="exp_avgs' is unexpected"):
        cp.restore_optimizer(optimizer, tensors, state)


def test_an_optimiser_tensor_of_another_shape_is_refused() -> None:
    _, optimizer, tensors, state = trained_state()
    tensors["2.weight/exp_avg"] = torch.zeros(3)
    with pytest.raises(CheckpointError, match=r"\[3\] instead of \[1, 8\]"):
        cp.restore_optimizer(optimizer, tensors, state)


def test_a_model_of_another_shape_is_refused() -> None:
    _, _, tensors, state = trained_state()
    model = torch.nn.Sequential(torch.nn.Linear(5, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    weights = [p for p in model.parameters() if p.ndim > 1]
    biases = [p for p in model.parameters() if p.ndim <= 1]
    other = torch.optim.AdamW([{"params": weights}, {"params": biases}])
    with pytest.raises(CheckpointError, match=r"parameter '0\.weight' has shape"):
        cp.restore_optimizer(other, tensors, state)


def test_another_class_of_optimiser_is_refused() -> None:
    _, _, tensors, state = trained_state()
    with pytest.raises(CheckpointError, match="state of AdamW, the run uses SGD"):
        cp.restore_optimizer(build("sgd")[1], tensors, state)


def test_other_groups_of_parameters_are_refused() -> None:
    model, _, tensors, state = trained_state()
    with pytest.raises(CheckpointError, match=r"groups have \[4\] parameters"):
        cp.restore_optimizer(torch.optim.AdamW(model.parameters()), tensors, state)


def test_renamed_parameters_are_refused_with_the_nearest_name() -> None:
    model, optimizer, tensors, state = trained_state()
    renamed = {f"model.{name}": tensor for name, tensor in model.named_parameters()}
    with pytest.raises(CheckpointError, match=r"'model\.0\.weight' is missing.*mean"):
        cp.restore_optimizer(optimizer, tensors, state, renamed)


def test_a_parameter_without_a_name_is_refused() -> None:
    _, optimizer = build()
    with pytest.raises(CheckpointError, match="has no name"):
        cp.optimizer_tensors(optimizer, {})
