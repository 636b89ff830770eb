"""Our rollouts and updates against TRL's on one GPU, at the sizes of real models with random weights.

    make .venv-trl/.installed                    once; for the GPU build of torch, see the Makefile's TORCH
    python benchmarks/gpu.py                     both models and both sides, and the page benchmarks/gpu.md
    python benchmarks/gpu.py --models 3B --sides ours

Each side is a process of its own (benchmarks/sides) that makes `WARM_UP` steps and then `STEPS`, of which the best
counts. Weights are float32, forward passes bfloat16, on both sides. A side that stops, as a rule because the
memory of the card does not suffice, has no value.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from items import NEVER, Reply, Setting
from step import ROOT, SIDES, Side, commit_name

RESULT, PAGE = ROOT / "benchmarks/results/gpu.json", ROOT / "benchmarks/gpu.md"
MODELS = {"3B": "Qwen/Qwen2.5-VL-3B-Instruct", "7B": "Qwen/Qwen2.5-VL-7B-Instruct"}
WARM_UP, STEPS = 1, 3
CARDS = {
    "B200": (8.0e12, 2.25e15), "H200": (4.8e12, 9.89e14), "H100": (3.35e12, 9.89e14),
    "A100": (2.04e12, 3.12e14), "L40S": (8.64e11, 3.62e14), "L4": (3.0e11, 1.21e14), "4090": (1.008e12, 1.65e14),
}  # fmt: skip
"""Bytes a second of the memory and dense bfloat16 FLOP a second, from the makers' data sheets."""


@dataclass(frozen=True)
class Result:
    """A line of the results: a side without a value stopped; ``limit`` is what the card allows at most."""

    name: str
    unit: str
    ours: float | None
    peer: float | None
    ratio: float | None
    limit: float | None
    commit: str
    machine: str


@dataclass(frozen=True)
class Size:
    """Work of a model: bytes that one decoding step must read, FLOP that one update must make."""

    config: Any
    counts: Any

    @classmethod
    def of(cls, config: Any) -> Size:
        from gnomon.scale.shape import build_on_meta, count_parameters

        return cls(config, count_parameters(build_on_meta(config)))

    @property
    def head(self) -> int:
        text = self.config.text_config
        return int(text.vocab_size * text.hidden_size)

    def step_bytes(self, setting: Setting) -> float:
        """Weights in bfloat16, keys and values of each prompt's image once and of each row's tokens so far."""
        text = self.config.text_config
        head = text.hidden_size // text.num_attention_heads
        per_token = 2 * 2 * text.num_hidden_layers * text.num_key_value_heads * head
        image = (setting["sides"][0] // 28) ** 2
        seen = setting["prompts"] * (image + setting["rollouts"] * setting["tokens"] / 2)
        return 2 * (self.counts.language + self.head) + per_token * seen

    def update_flops(self, reply: Reply, setting: Setting) -> float:
        """6 FLOP a weight: of the layers for every token, of the head for every written one, of the
        tower for every patch (arXiv 2001.08361); attention scores are left out."""
        written = setting["prompts"] * setting["rollouts"] * setting["tokens"]
        seen = reply["patches_trained"]
        tower = self.counts.tower * seen + self.counts.connector * seen / 4
        return 6 * (self.counts.language * reply["trained"] + self.head * written + tower)


def settings(device: str, tiny: bool) -> dict[str, Setting]:
    """What is measured: rollouts alone, and whole steps. ``tiny`` is for trying the script."""
    size = (2, 2, 4, 56) if tiny else (8, 8, 512, 448)
    common = dict(zip(("prompts", "rollouts", "tokens"), size, strict=False)) | {
        "sides": [size[-1]], "end_bias": NEVER, "device": device, "dtype": "bfloat16", "questions": 16,
    }  # fmt: skip
    return {kind: {"kind": kind, **common} for kind in ("generate", "grpo")}


def make_weights(folder: Path, name: str, device: str, tiny: bool) -> Any:
    """A model of the named size with random weights and a small tokenizer; returns its configuration."""
    import torch

    from gnomon.models.load import quiet_transformers
    from gnomon.models.micro import (  # fmt: skip
        SPECIAL_TOKENS,
        make_model,
        make_processor,
        save_micro,
        train_tokenizer,
        world_text,
    )
    from gnomon.scale.shape import model_config

    tokenizer = train_tokenizer(world_text(400), vocabulary=2048)
    if tiny:
        text = {
            "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1,
            "intermediate_size": 96,
        }  # fmt: skip
        model = make_model(tokenizer, seed=0, text=text, vision={"hidden_size": 32, "depth": 1})
    else:
        from transformers import Qwen2_5_VLForConditionalGeneration

        config = model_config(MODELS[name])
        for key in ("image", "video", "vision_start", "vision_end"):
            setattr(config, f"{key}_token_id", tokenizer.convert_tokens_to_ids(SPECIAL_TOKENS[key]))
        config.text_config.eos_token_id = tokenizer.eos_token_id
        config.text_config.pad_token_id = tokenizer.pad_token_id
        config.text_config.bos_token_id = None
        with torch.device(device):
            model = Qwen2_5_VLForConditionalGeneration(config).to(torch.bfloat16)
    with quiet_transformers():
        save_micro(folder, model, make_processor(tokenizer))
    return model.config


def best_reply(python: Path, script: str, folder: Path, setting: Setting) -> Reply | None:
    """The fastest of the steps of a process; None when it stopped."""
    side = Side(python, SIDES / script, folder, setting, threads=8)
    try:
        replies = [side.step() for _ in range(WARM_UP + STEPS)][WARM_UP:]
    except RuntimeError as error:
        print(f"{setting['kind']}: {error}", file=sys.stderr)
        return None
    finally:
        side.close()
    return min(replies, key=lambda reply: reply["seconds"])


def results_of(
    name: str, size: Size, found: dict[str, dict[str, Reply | None]], asked: dict[str, Setting],
    machine: str, commit: str,
) -> list[Result]:  # fmt: skip
    """The lines of one model from the best replies by kind and side."""
    bandwidth, speed = next(
        (limits for card, limits in CARDS.items() if card in machine), (None, None)
    )

    def line(
        what: str, unit: str, kind: str, value: Any, limit: float | None, rate: bool
    ) -> Result:
        ours, peer = (
            None if (reply := found[kind].get(side)) is None else value(reply)
            for side in ("ours", "peer")
        )
        ratio = None if not ours or not peer else ours / peer if rate else peer / ours
        return Result(f"{name} {what}", unit, ours, peer, ratio, limit, commit, machine)

    rows = asked["generate"]["prompts"] * asked["generate"]["rollouts"]
    most = bandwidth and rows * bandwidth / size.step_bytes(asked["generate"])

    def use(reply: Reply) -> float | None:
        """Share of the card's arithmetic that the update's own FLOP take."""
        return speed and size.update_flops(reply, asked["grpo"]) / reply["update"] / speed

    return [
        line("rollout", "tokens/s", "generate", lambda r: r["tokens"] / r["seconds"], most, True),
        line("step", "s", "grpo", lambda r: r["seconds"], None, False),
        line("update", "s", "grpo", lambda r: r["update"], None, False),
        line("MFU of the update", "", "grpo", use, 1.0, True),
        line("peak memory", "GB", "grpo", lambda r: r["peak"], None, False),
    ]


def page(results: list[dict[str, Any]]) -> str:
    """benchmarks/gpu.md from the stored results."""
    lines = [
        "# Rollouts and updates on a GPU", "",
        "Models of the sizes of Qwen2.5-VL with random weights, whole fine-tuning, 8 prompts x 8 rollouts of 512 tokens,",
        "images of 448 pixels, ours against TRL on the same card. The limit of a rollout is what the memory's bandwidth",
        "allows when weights are bfloat16 and each prompt's keys are read once; MFU counts 6 FLOP a weight and token.", "",
    ]  # fmt: skip
    if not results:
        return "\n".join(
            [
                *lines,
                "Not measured: no GPU has run it yet. The command is `python benchmarks/gpu.py`.",
                "",
            ]
        )

    def cell(value: float | None) -> str:
        return "-" if value is None else f"{value:,.3g}"

    lines += ["| what | ours | TRL | ratio | limit |", "|---|---|---|---|---|"]
    lines += [
        f"| {row['name']}{row['unit'] and ', '}{row['unit']} | "
        + " | ".join(cell(row[key]) for key in ("ours", "peer", "ratio", "limit")) + " |"
        for row in results
    ]  # fmt: skip
    places = sorted({f"{row['machine']}, commit {row['commit']}" for row in results})
    return "\n".join([*lines, "", *(f"Measured on {place}." for place in places), ""])


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--sides", nargs="+", choices=("ours", "peer"), default=["ours", "peer"])
    parser.add_argument(
        "--peer", type=Path, default=ROOT / ".venv-trl/bin/python", help="Python that has TRL"
    )
    parser.add_argument(
        "--tiny",
        action="store_true",
        help="tiny models on the CPU, to try the script; stores nothing",
    )
    return parser.parse_args()


def measure(chosen: argparse.Namespace, device: str, machine: str) -> list[Result]:
    """All results of the chosen models and sides."""
    pythons = {"ours": Path(sys.executable), "peer": chosen.peer}
    asked, results = settings(device, chosen.tiny), []
    for name in chosen.models:
        with tempfile.TemporaryDirectory() as folder:
            size = Size.of(make_weights(Path(folder), name, device, chosen.tiny))
            found = {
                kind: {side: best_reply(pythons[side], f"{side}.py", Path(folder), setting) for side in chosen.sides}
                for kind, setting in asked.items()
            }  # fmt: skip
        results += results_of(name, size, found, asked, machine, commit_name())
    return results


def main() -> None:
    import torch

    chosen = options()
    if not chosen.tiny and not torch.cuda.is_available():
        sys.exit(
            "there is no GPU here that torch can use, so nothing is measured; --tiny tries the script on the CPU"
        )
    device = "cpu" if chosen.tiny else "cuda"
    machine = "CPU" if chosen.tiny else f"{torch.cuda.get_device_name()}, torch {torch.__version__}"
    results = [asdict(result) for result in measure(chosen, device, machine)]
    print(json.dumps(results, indent=1))
    if not chosen.tiny:
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text(json.dumps(results, indent=1) + "\n")
        PAGE.write_text(page(results))


if __name__ == "__main__":
    main()
