from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("gpu")


def test_a_tiny_step_of_our_side_fills_every_line_of_a_model(
    gpu: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "WARM_UP", 0)
    monkeypatch.setattr(gpu, "STEPS", 1)
    size = gpu.Size.of(gpu.make_weights(tmp_path, "3B", "cpu", tiny=True))
    asked = gpu.settings("cpu", tiny=True)
    reply = gpu.best_reply(Path(sys.executable), "ours.py", tmp_path, asked["grpo"])
    assert reply["trained"] > 2 * 2 * 4
    assert reply["patches_trained"] == 2 * (56 // 14) ** 2
    assert 0 < reply["update"] < reply["seconds"]
    found = {"generate": {"ours": {"tokens": 16, "seconds": 1.0}}, "grpo": {"ours": reply}}
    lines = gpu.results_of("3B", size, found, asked, "one H100", "c")
    assert all(line.ours > 0 and line.peer is None and line.ratio is None for line in lines)
    assert lines[0].limit > lines[0].ours
    text = gpu.page([vars(line) for line in lines])
    assert "| 3B rollout, tokens/s | 16 | - | - |" in text


def test_limits_follow_the_sizes_of_the_real_models(gpu: ModuleType) -> None:
    from gnomon.scale.shape import model_config

    size = gpu.Size.of(model_config(gpu.MODELS["3B"]))
    asked = gpu.settings("cuda", tiny=False)
    weights = 2 * (size.counts.language + size.head)
    assert 6e9 < weights < gpu.Size.step_bytes(size, asked["generate"]) < 1.3 * weights
    reply = {"trained": 1000, "patches_trained": 0}
    written = 8 * 8 * 512
    assert size.update_flops(reply, asked["grpo"]) == 6 * (
        1000 * size.counts.language + written * size.head
    )


def test_seconds_of_the_peer_over_ours_and_rates_of_ours_over_the_peers(gpu: ModuleType) -> None:
    from gnomon.scale.shape import model_config

    replies = {"tokens": 8, "update": 1.0, "peak": 2.0, "trained": 1, "patches_trained": 0}
    sides = {"ours": {**replies, "seconds": 1.0}, "peer": {**replies, "seconds": 2.0}}
    lines = gpu.results_of(
        "3B", gpu.Size.of(model_config(gpu.MODELS["3B"])), {"generate": sides, "grpo": sides},
        gpu.settings("cuda", tiny=False), "an unknown card", "c",
    )  # fmt: skip
    assert [line.ratio for line in lines] == [2.0, 2.0, 1.0, None, 1.0]
    assert lines[0].limit is None


def test_the_page_is_what_the_stored_results_say(gpu: ModuleType) -> None:
    results = json.loads(gpu.RESULT.read_text()) if gpu.RESULT.exists() else []
    assert gpu.PAGE.read_text() == gpu.page(results)


def test_without_a_gpu_it_says_so(gpu: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    monkeypatch.setattr(sys, "argv", ["gpu.py"])
    with pytest.raises(SystemExit, match="no GPU"):
        gpu.main()
