"""Bad input and full disks in real runs: counted, named and skipped, or stopped with what to do."""

from __future__ import annotations

import hashlib
import html
import json
import math
import resource
import struct
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from columns import META, OPTIONS
from gnomon.catalogue import import_file
from gnomon.checkpoint import CheckpointError, list_checkpoints
from gnomon.grading.respond import grade_response
from gnomon.models.encode import Encoder
from gnomon.models.policy import Policy
from gnomon.models.sampler import SamplingSettings, sample
from gnomon.parts import forget, load_kind, part
from gnomon.recipe import (
    Evaluation,
    Lora,
    Model,
    Optimizer,
    Recipe,
    RecipeError,
    Reinforce,
    Reward,
    Sampling,
    Sft,
    Use,
)
from gnomon.records import (
    Answer,
    Graded,
    Group,
    Media,
    Message,
    Outcome,
    Rollout,
    Sample,
    Verdict,
)
from gnomon.rewards.score import RewardError, Term, score
from gnomon.run import Run
from gnomon.stages.updates import Diverged
from gnomon.training import resume, train
from gnomon.watch import Watcher

RATE = Use("constant", value=1e-3)
OPTIMIZER = Optimizer(learning_rate=RATE)
TEXT = Use("microworld", tasks=["count"], modality="text")
RAMP = Reward(part=Use("length-ramp", budget=3), weight=1.0)
Record = dict[str, Any]


def rl(**changes: Any) -> Reinforce:
    settings: dict[str, Any] = {
        "name": "rl",
        "data": TEXT,
        "format": Use("think-boxed"),
        "sampling": Sampling(max_new_tokens=3),
        "rewards": (RAMP,),
        "prompts": 2,
        "rollouts": 2,
        "steps": 2,
        "max_tokens": 256,
        "optimizer": OPTIMIZER,
    }
    return Reinforce(**settings | changes)


def sft(**changes: Any) -> Sft:
    settings: dict[str, Any] = {
        "name": "sft",
        "data": TEXT,
        "format": Use("think-boxed"),
        "steps": 2,
        "batch_size": 2,
        "micro_batch_tokens": 512,
        "max_tokens": 1024,
        "optimizer": OPTIMIZER,
    }
    return Sft(**settings | changes)


def recipe_of(model: Path | Model, stage: Sft | Reinforce, **changes: Any) -> Recipe:
    settings: dict[str, Any] = {
        "name": "bad",
        "scale": "micro",
        "model": model if isinstance(model, Model) else Model(path=str(model)),
        "stages": (stage,),
        "evaluation": Evaluation(
            benchmarks=(Use("microworld-text", items=1),), max_new_tokens=2, max_tokens=256
        ),
    }
    return Recipe(**settings | changes)


def run_in(root: Path) -> Run:
    """The only run under ``root``."""
    [path] = root.iterdir()
    return Run.open(path)


@pytest.fixture
def imported(tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Writes and imports a user's file; its parts are forgotten afterwards."""

    def write(text: str) -> str:
        path = tmp_path / "bad_parts.py"
        path.write_text(text)
        import_file(path)
        return str(path)

    yield write
    for module in [name for name in sys.modules if name.startswith("gnomon_user_bad_parts_")]:
        forget(module)
        del sys.modules[module]


# -- records --------------------------------------------------------------------------------------


def good_image(folder: Path) -> str:
    Image.new("RGB", (56, 56), "red").save(folder / "good.png")
    return "good.png"


def question(**changes: Any) -> Record:
    return {"problem": "<image>How many?", "images": ["good.png"], "answer": "2"} | changes


def truncated_jpeg(folder: Path) -> Record:
    path = folder / "cut.jpg"
    Image.effect_noise((56, 56), 50).save(path)
    path.write_bytes(path.read_bytes()[:-300])
    return question(images=["cut.jpg"])


def huge_png(folder: Path) -> Record:
    """A header of 30,000 x 30,000 pixels and hardly anything behind it."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    (folder / "huge.png").write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")
    )
    return question(images=["huge.png"])


def path_outside(folder: Path) -> Record:
    good_image(folder.parent)
    return question(images=["../good.png"])


def link_outside(folder: Path) -> Record:
    (folder / "link.png").symlink_to(folder.parent / good_image(folder.parent))
    return question(images=["link.png"])


def missing_image(folder: Path) -> Record:
    return question(images=["none.png"])


def empty_answer(folder: Path) -> Record:
    return question(answer="  ")


def two_images_for_one_place(folder: Path) -> Record:
    return question(images=["good.png", "good.png"])


def longer_than_the_context(folder: Path) -> Record:
    return question(problem="<image>" + "How many? " * 100)


def image_token_in_the_text(folder: Path) -> Record:
    return question(problem="<image>How many?<|image_pad|>")


BAD: dict[Callable[[Path], Record], str] = {
    truncated_jpeg: r"cut.jpg': damaged or truncated",
    huge_png: "huge.png': more pixels than can be decoded safely; scale it down",
    path_outside: "lies outside the data folder",
    link_outside: "lies outside the data folder",
    missing_image: "none.png': no such file",
    empty_answer: "the answer is empty; drop the record or give an answer",
    two_images_for_one_place: "2 media but 1 <image> placeholders",
    longer_than_the_context: "tokens long and 256 fit; shorten it or raise the context length",
    image_token_in_the_text: "holds the reserved token <|image_pad|>; remove it",
}


def write_records(folder: Path, make_bad: Callable[[Path], Record], good: int = 3) -> Path:
    """Good records, and a bad one in second place."""
    folder.mkdir()
    good_image(folder)
    records = [question(id=f"good-{i}") for i in range(good)]
    records.insert(1, make_bad(folder))
    path = folder / "data.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


@pytest.mark.parametrize("make_bad", BAD, ids=lambda make: make.__name__)
def test_a_bad_record_is_skipped_counted_and_named(
    make_bad: Callable[[Path], Record], tiny_folder: Path, tmp_path: Path
) -> None:
    path = write_records(tmp_path / "data", make_bad)
    stage = rl(data=Use("jsonl", path=path), modality="image")
    start = time.monotonic()
    run = train(recipe_of(tiny_folder, stage), root=tmp_path / "runs")
    assert time.monotonic() - start < 30
    skipped = run.skipped()
    assert len(skipped) in (1, 2)  # the four good samples end in the second epoch
    for line in skipped:
        assert (line["stage"], line["place"], line["id"]) == ("rl", "source", "1")
        assert BAD[make_bad] in line["reason"]
        assert "data.jsonl, line 2" in line["reason"] or "data.jsonl/line-2" in line["reason"]
    base, trained = run.summary()["stages"]
    assert (base["skipped"], trained["skipped"]) == (0, len(skipped))
    assert BAD[make_bad] in html.unescape((run.path / "report.html").read_text())
    assert [line["step"] for line in run.metrics()] == [1, 2]


def test_a_bad_worked_example_is_skipped_counted_and_named(
    tiny_folder: Path, tmp_path: Path
) -> None:
    def chat(answer: str) -> str:
        turns = [
            {"role": "user", "content": "How many?"}, {"role": "assistant", "content": answer},
        ]  # fmt: skip
        return json.dumps({"messages": turns}) + "\n"

    path = tmp_path / "chats.jsonl"
    path.write_text(chat("2") + chat("<|image_pad|>") + chat("3") + chat("<think>" * 500))
    stage = sft(data=Use("jsonl", path=path), max_tokens=256)
    run = train(recipe_of(tiny_folder, stage), root=tmp_path / "runs")
    reasons = {line["id"]: line["reason"] for line in run.skipped()}
    assert reasons.keys() == {"1", "3"}
    assert "chats.jsonl/line-2: the text holds the reserved token <|image_pad|>" in reasons["1"]
    assert "chats.jsonl/line-4 is" in reasons["3"]
    assert run.summary()["stages"][1]["skipped"] == len(run.skipped())


def test_a_bad_record_of_a_benchmark_is_no_wrong_answer(tiny_folder: Path, tmp_path: Path) -> None:
    path = write_records(tmp_path / "data", truncated_jpeg)
    plan = Evaluation(benchmarks=(Use("records", path=path),), max_new_tokens=2, max_tokens=256)
    recipe = recipe_of(tiny_folder, sft(steps=1), evaluation=plan)
    run = train(recipe, root=tmp_path / "runs")
    assert [(line["stage"], line["place"]) for line in run.skipped()] == [
        ("base", "evaluation"), ("sft", "evaluation"),
    ]  # fmt: skip
    for stage in run.summary()["stages"]:
        assert (stage["n"], stage["skipped"]) == (3, 1)
    assert "cut.jpg" in (run.path / "report.html").read_text()


def test_a_source_of_bad_records_alone_stops_with_the_reason(
    tiny_folder: Path, tmp_path: Path
) -> None:
    path = write_records(tmp_path / "data", empty_answer, good=0)
    with pytest.raises(RecipeError, match=r"none of the first records can be used.*is empty"):
        train(recipe_of(tiny_folder, rl(data=Use("jsonl", path=path))), root=tmp_path / "runs")


# -- image tokens in responses --------------------------------------------------------------------


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_model_that_wants_image_tokens_never_writes_one(
    temperature: float, fresh_policy: Policy, tiny_encoder: Encoder, paint: Callable[..., Media]
) -> None:
    core = fresh_policy.core
    biased = torch.nn.Linear(core.lm_head.in_features, core.lm_head.out_features)
    biased.weight.data = core.lm_head.weight.data.clone()
    biased.bias.data.zero_()[core.config.image_token_id] = 1e4
    core.lm_head = biased
    asked = Sample("a", (Message("user", "<image>How many?"),), (paint("blue"),))
    prompt = tiny_encoder.prompt(asked, part("format", "direct")())
    settings = SamplingSettings(max_new_tokens=8, temperature=temperature)
    [written] = sample(fresh_policy, [prompt], 4, settings, torch.Generator().manual_seed(0))
    for rollout in written:
        assert core.config.image_token_id not in rollout.token_ids
        assert all(math.isfinite(logp) for logp in rollout.logp)


@pytest.mark.parametrize("pictured", [False, True])
def test_a_rollout_that_holds_an_image_token_is_refused_by_the_batch(
    pictured: bool, tiny_policy: Policy, tiny_encoder: Encoder, paint: Callable[..., Media]
) -> None:
    text, media = ("<image>How many?", (paint("blue"),)) if pictured else ("How many?", ())
    prompt = tiny_encoder.prompt(
        Sample("a", (Message("user", text),), media), part("format", "direct")()
    )
    row = prompt.extend([50, tiny_policy.placeholder_id, 60], [1, 1, 1])
    with pytest.raises(ValueError, match=r"(5|1) placeholders but (4|0) features"):
        tiny_policy.batch([row])


# -- ten thousand brackets ------------------------------------------------------------------------

OPENINGS = (
    "(",
    "[",
    "{",
    "<",
    r"\boxed{",
    r"\frac{",
    "<think>",
    "<answer>",
    "<think></think>\\boxed{(",
)
REFERENCES = (
    Answer("integer", 2),
    Answer("number", 0.5),
    Answer("choice", "A", {"A": "one", "B": "two"}),
    Answer("text", r"2\sqrt{13}"),
    Answer("box", (0.0, 0.0, 9.0, 9.0)),
    Answer("yes-no", True),
)
TYPED = (Outcome.WRONG, Outcome.NO_ANSWER, Outcome.UNPARSEABLE_ANSWER)


@pytest.mark.parametrize("grader", ["strict", "lenient", "revisual"])
@pytest.mark.parametrize("opening", OPENINGS)
def test_ten_thousand_opening_brackets_are_graded_at_once(opening: str, grader: str) -> None:
    for text in (opening * 10_000, rf"<think> a </think> \boxed{{{opening * 10_000}}}"):
        rollout = Rollout((1,), (-1.0,), text, "length")
        for style in ("direct", "think-boxed", "think-answer"):
            for reference in REFERENCES:
                if grader == "revisual" and reference.kind == "box":
                    continue
                asked = Sample("a", (Message("user", "?"),), answer=reference)
                start = time.perf_counter()
                graded = grade_response(
                    asked, rollout, part("format", style)(), part("grader", grader)
                )
                assert time.perf_counter() - start < 5  # a worker may have to start
                assert graded.verdict.outcome in TYPED
                assert graded.verdict.reason


def reward_terms() -> list[Term]:
    """Every reward term of the package, with the settings that have no default.

    Left out are those that call a function of the user's.
    """
    needed: dict[str, dict[str, Any]] = {
        "length-ramp": {"budget": 100},
        "soft-overlong": {"limit": 100, "buffer": 10},
        "cosine-length": {"limit": 100},
        "interval": {"column": "span"},
        "outcome": {"values": {"correct": 1.0}},
        "typed-answer": {"system": "visionary"},
    }
    return [
        Term(
            name,
            part("reward", name, **needed.get(name, {})),
            ask=lambda asked: [None] * len(asked),
        )
        for name, made in load_kind("reward").items()
        if made.function.__module__.startswith("gnomon.") and name not in ("trl", "verl")
    ]


def fits(term: Term, asked: Sample) -> bool:
    """Whether a term can read this record at all."""
    rollout = Rollout((1,), (-1.0,), "short", "end")
    short = Group(asked, (Graded(rollout, Verdict(Outcome.WRONG, 0.0)),))
    try:
        score([short], [term], part("combination", "sum"))
    except RewardError:
        return False
    return True


@pytest.mark.parametrize("opening", OPENINGS)
def test_ten_thousand_opening_brackets_are_scored_at_once(opening: str) -> None:
    asked = Sample("a", (Message("user", "?"),), answer=Answer("choice", "B", OPTIONS), meta=META)
    rollout = Rollout((1,), (-1.0,), opening * 10_000, "length")
    graded = grade_response(
        asked, rollout, part("format", "think-boxed")(), part("grader", "strict")
    )
    terms = [term for term in reward_terms() if fits(term, asked)]
    assert len(terms) > 40
    start = time.process_time()
    [group] = score([Group(asked, (graded,))], terms, part("combination", "sum"))
    assert time.process_time() - start < 1
    scores = group.members[0].scores
    assert scores["accuracy"] == scores["format-match"] == 0.0
    assert math.isfinite(group.members[0].reward)


# -- a disk that fills ----------------------------------------------------------------------------


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Writing past ``size`` bytes of a file is an error of the system, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


class Filling(Watcher):
    """Leaves room for files of ``size`` bytes after the first step."""

    def __init__(self, size: int) -> None:
        self.size = size

    def advanced(self, done: int, values: Any) -> None:
        if "loss" in values and done == 1:
            hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.size, hard))


def final_bits(run: Run) -> dict[str, str]:
    model = run.checkpoint_path(1, "sft", 2) / "model" / "model.safetensors"
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (model, run.path / "metrics.jsonl")
    }


@pytest.mark.parametrize(
    ("file", "lora"),
    [("optimizer.safetensors", None), ("model/model.safetensors", Lora(rank=2, alpha=4.0))],
    ids=["optimizer", "model"],
)
def test_a_disk_that_fills_stops_the_run_and_loses_nothing(
    file: str, lora: Lora | None, tiny_folder: Path, tmp_path: Path
) -> None:
    recipe = recipe_of(
        Model(path=str(tiny_folder), lora=lora), sft(save_every=1), evaluation=Evaluation()
    )
    whole = train(recipe, root=tmp_path / "whole")
    size = (whole.checkpoint_path(1, "sft", 2) / file).stat().st_size - 1
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    with pytest.raises(CheckpointError) as caught, largest_file(unlimited):
        train(recipe, root=tmp_path / "full", watcher=Filling(size))
    run = run_in(tmp_path / "full")
    first = run.checkpoint_path(1, "sft", 1)
    message = str(caught.value)
    assert f"checkpoint {run.checkpoint_path(1, 'sft', 2)} could not be written" in message
    assert "File too large" in message
    assert f"the last good checkpoint is {first}; free some space" in message
    assert message.endswith("and resume")
    assert list_checkpoints(first.parent) == [first]
    assert list(first.parent.iterdir()) == [first]
    assert run.summary()["status"] == "failed"
    assert message in run.summary()["message"]
    assert resume(run.path).summary()["status"] == "done"
    assert final_bits(run) == final_bits(whole)


def test_a_disk_without_any_room_still_tells_what_stopped_the_run(
    tiny_folder: Path, tmp_path: Path
) -> None:
    """Not even the summary can be written; its own error must not hide the first one."""
    recipe = recipe_of(tiny_folder, sft(save_every=1), evaluation=Evaluation())
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    # The second step's line still fits into its log, the summary does not.
    with pytest.raises(CheckpointError, match="free some space"), largest_file(unlimited):
        train(recipe, root=tmp_path, watcher=Filling(400))
    run = run_in(tmp_path)
    assert run.summary() == {}
    assert resume(run.path).summary()["status"] == "done"


# -- numbers that are not finite ------------------------------------------------------------------

LOSSES = """
import torch
from torch import Tensor
from gnomon import register

calls = 0


def nan(logp: Tensor, on: int) -> bool:
    global calls
    calls += logp.requires_grad  # the check before the run tries the formula without a gradient
    return on in (0, calls)


@register("loss")
def nan_loss(logp: Tensor, mask: Tensor, *, on: int = 0) -> tuple[Tensor, dict[str, Tensor]]:
    return -logp * mask * (torch.nan if logp.requires_grad and nan(logp, on) else 1.0), {}


@register("loss")
def nan_gradient(logp: Tensor, mask: Tensor, *, on: int = 0) -> tuple[Tensor, dict[str, Tensor]]:
    loss = -logp * mask
    if logp.requires_grad and nan(logp, on):
        loss = loss + (logp * 0).abs().sqrt()  # 0, with the gradient 0 * inf
    return loss, {}
"""
REASON = {"nan-loss": "the loss is nan", "nan-gradient": "the gradient norm is nan"}


@pytest.mark.parametrize("name", REASON)
def test_a_step_that_is_not_a_number_is_skipped_and_counted(
    name: str, imported: Callable[[str], str], tiny_folder: Path, tmp_path: Path
) -> None:
    file = imported(LOSSES)
    stage = rl(loss=Use(name, on=2), steps=3, save_every=1)
    run = train(recipe_of(tiny_folder, stage, imports=(file,)), root=tmp_path / "runs")
    [skip] = run.skipped()
    assert (skip["stage"], skip["step"], skip["place"]) == ("rl", 2, "gradient")
    assert skip["reason"] == REASON[name]
    assert [line["grad_norm"] is None for line in run.metrics()] == [False, True, False]
    assert run.summary()["stages"][1]["skipped"] == 1
    assert REASON[name] in (run.path / "report.html").read_text()
    weights = [
        hashlib.sha256(
            (run.checkpoint_path(1, "rl", step) / "model" / "model.safetensors").read_bytes()
        ).hexdigest()
        for step in (2, 3)
    ]
    assert weights[0] != weights[1]


@pytest.mark.parametrize("name", REASON)
def test_steps_that_are_never_a_number_stop_the_run_at_the_limit(
    name: str, imported: Callable[[str], str], tiny_folder: Path, tmp_path: Path
) -> None:
    file = imported(LOSSES)
    stage = rl(loss=Use(name), steps=9, optimizer=Optimizer(learning_rate=RATE, max_skipped=3))
    with pytest.raises(Diverged) as caught:
        train(recipe_of(tiny_folder, stage, imports=(file,)), root=tmp_path / "runs")
    message = str(caught.value)
    assert f"3 updates in a row were skipped, the last because {REASON[name]}" in message
    assert "lower the learning rate" in message
    run = run_in(tmp_path / "runs")
    assert [line["step"] for line in run.skipped()] == [1, 2, 3]
    assert message in run.summary()["message"]
    assert message in html.unescape((run.path / "report.html").read_text())


def test_supervised_training_that_explodes_stops_at_the_limit(
    tiny_folder: Path, tmp_path: Path
) -> None:
    wild = Optimizer(learning_rate=Use("constant", value=1e36), grad_clip=1e9, max_skipped=2)
    with pytest.raises(Diverged, match="2 updates in a row were skipped"):
        train(recipe_of(tiny_folder, sft(steps=9, optimizer=wild)), root=tmp_path)
    run = run_in(tmp_path)
    assert [line["place"] for line in run.skipped()] == ["gradient", "gradient"]


# -- parts that misbehave -------------------------------------------------------------------------

PARTS = """
from gnomon import register
from gnomon.records import Answer, Outcome, Verdict


@register("reward")
def raising(response: str) -> float:
    return 1 / 0


@register("reward")
def infinite(response: str) -> float:
    return float("inf")


@register("grader")
def slow(prediction: str | None, reference: Answer) -> Verdict:
    return Verdict(Outcome.TIMEOUT, 0.0, prediction, reason="no result within 2 s")
"""


@pytest.mark.parametrize(
    ("name", "what"),
    [("raising", "failed on sample '.*': ZeroDivisionError"), ("infinite", "gave inf for sample")],
)
def test_a_reward_that_fails_stops_the_run_and_names_term_and_sample(
    name: str, what: str, imported: Callable[[str], str], tiny_folder: Path, tmp_path: Path
) -> None:
    file = imported(PARTS)
    stage = rl(rewards=(Reward(part=Use(name), weight=1.0),))
    with pytest.raises(RewardError, match=f"reward term '{name}' {what}"):
        train(recipe_of(tiny_folder, stage, imports=(file,)), root=tmp_path / "runs")
    run = run_in(tmp_path / "runs")
    assert f"reward term '{name}'" in run.summary()["message"]
    assert run.metrics() == []


def test_a_grader_that_never_ends_in_time_never_makes_a_zero(
    imported: Callable[[str], str], tiny_folder: Path, tmp_path: Path
) -> None:
    file = imported(PARTS)
    plan = Evaluation(
        benchmarks=(Use("microworld-text", items=2),), max_new_tokens=2,
        grader=Use("slow"), base_grader=Use("slow"),
    )  # fmt: skip
    stage = rl(
        grader=Use("slow"), rewards=(RAMP, Reward(part=Use("accuracy"), weight=1.0)), save_every=1
    )
    recipe = recipe_of(tiny_folder, stage, evaluation=plan, imports=(file,))
    run = train(recipe, root=tmp_path / "runs")
    for line in run.metrics():
        assert (line["accuracy"], line["reward"], line["kept"]) == (None, None, 0.0)
    for stage_summary in run.summary()["stages"]:
        assert (stage_summary["accuracy"], stage_summary["n"]) == (None, 0)
    places = [(line["stage"], line["place"]) for line in run.skipped()]
    assert (
        places
        == [("base", "evaluation")] * 2 + [("rl", "rollout")] * 8 + [("rl", "evaluation")] * 2
    )
    assert all(line["reason"].endswith("no result within 2 s") for line in run.skipped())
    for row in run.rollouts():
        assert (row["outcome"], row["kept"]) == ("timeout", 0)
        assert row["reward"] is None or math.isnan(row["reward"])
    assert "no result within 2 s" in (run.path / "report.html").read_text()
