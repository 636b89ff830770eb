"""The vLLM backend against a stand-in with vLLM's interface, which writes with a model of its own.

vLLM needs a GPU; the last test runs it where it is installed.
"""

from __future__ import annotations

import importlib.machinery
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

from gnomon.catalogue import load_recipe
from gnomon.models.encode import Encoder
from gnomon.models.load import load_policy
from gnomon.models.policy import Policy
from gnomon.models.sampler import SamplingSettings, sample
from gnomon.parts import part
from gnomon.recipe import RecipeError, Sampling, Use, override
from gnomon.records import Media, Message, Rollout, Sample
from gnomon.rl.backend import BackendError
from gnomon.rl.chosen import Objective
from gnomon.rl.refusals import refusals
from gnomon.rl.vllm import (
    VllmSampler,
    as_rollout,
    logprobs_mode,
    request,
    sampling_params,
    unexpanded,
)
from gnomon.training import check
from rl_steps import Open, stage_of, steps_of

Paint = Callable[..., Media]


@dataclass
class StandIn:
    """What the stand-in was asked, and how far its engine has come."""

    options: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[dict[str, Any], dict[str, Any]]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """A module ``vllm`` whose LLM reads the folder with our loader and writes with our sampler."""
    seen = StandIn()

    class SamplingParams(SimpleNamespace):
        pass

    class LLM:
        def __init__(self, model: str, **options: Any) -> None:
            self.model, seen.options = model, options
            self.policy = load_policy(model)
            self.waiting: list[tuple[str, Any, Any]] = []
            self.llm_engine = self

        def collective_rpc(self, name: str) -> None:
            seen.calls.append(name)
            self.policy = load_policy(self.model)

        def reset_prefix_cache(self) -> None:
            seen.calls.append("reset_prefix_cache")

        def add_request(self, name: str, prompt: Any, params: SamplingParams) -> None:
            assert params.output_kind == "final only"
            seen.asked.append((prompt, vars(params)))
            self.waiting.append((name, prompt, params))

        def has_unfinished_requests(self) -> bool:
            return bool(self.waiting)

        def step(self) -> list[Any]:
            """The last request comes first, as any order may."""
            name, prompt, params = self.waiting.pop()
            rollout = written(self.policy, prompt, params)
            reason = "length" if rollout.stop == "length" else "stop"
            stopped = params.stop[0] if rollout.stop == "stop" else None
            output = completion(rollout.token_ids, rollout.logp, reason, stopped)
            return [SimpleNamespace(request_id=name, finished=True, outputs=[output])]

    module = ModuleType("vllm")
    module.__spec__ = importlib.machinery.ModuleSpec("vllm", None)
    vars(module).update(LLM=LLM, SamplingParams=SamplingParams)
    kinds = ModuleType("vllm.sampling_params")
    vars(kinds).update(RequestOutputKind=SimpleNamespace(FINAL_ONLY="final only"))
    monkeypatch.setitem(sys.modules, "vllm", module)
    monkeypatch.setitem(sys.modules, "vllm.sampling_params", kinds)
    yield seen


def written(policy: Policy, prompt: Any, params: Any) -> Rollout:
    """One response of our sampler to a request in vLLM's form: it expands the placeholders."""
    encoder = Encoder(policy.processor, max_tokens=512)
    text = policy.processor.tokenizer.decode(prompt["prompt_token_ids"])
    assert text == QUESTION_TEXT[bool(prompt.get("multi_modal_data"))](policy)
    encoded = encoder.prompt(SAMPLES[bool(prompt.get("multi_modal_data"))], STYLE)
    settings = SamplingSettings(params.max_tokens, params.temperature, params.top_p, params.top_k,
                                tuple(params.stop))  # fmt: skip
    generator = torch.Generator().manual_seed(params.seed)
    [[rollout]] = sample(policy, [encoded], 1, settings, generator)
    return rollout


STYLE = part("format", "think-boxed")()
SAMPLES: dict[bool, Sample] = {}


def rendered(image: bool) -> Callable[[Policy], str]:
    """The prompt as the chat template writes it, before any placeholder is expanded."""

    def text(policy: Policy) -> str:
        content: list[dict[str, str]] = [{"type": "image"}] if image else []
        turns = [
            {"role": "system", "content": [{"type": "text", "text": STYLE.instruction}]},
            {"role": "user", "content": [*content, {"type": "text", "text": "How many?"}]},
        ]
        return str(
            policy.processor.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        )

    return text


QUESTION_TEXT = {image: rendered(image) for image in (False, True)}


@pytest.fixture
def questions(tiny_encoder: Encoder, paint: Paint) -> list[Any]:
    SAMPLES[False] = Sample("text", (Message("user", "How many?"),))
    SAMPLES[True] = Sample("image", (Message("user", "<image>How many?"),), (paint(),))
    return [(made, tiny_encoder.prompt(made, STYLE)) for made in SAMPLES.values()]


def opened(policy: Policy) -> VllmSampler:
    return VllmSampler(policy, None, {"dtype": "float32"}, 512)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


SETTINGS = SamplingSettings(6, top_p=0.9)


def test_responses_come_in_the_order_of_the_questions_and_are_told_of_one_by_one(
    stand_in: StandIn, tiny_policy: Policy, questions: list[Any]
) -> None:
    backend = opened(tiny_policy)
    backend.hand_over(0)
    told: list[tuple[int, int]] = []
    rows = backend.write(questions, 2, SETTINGS, seeded(), lambda p, m, r: told.append((p, m)))
    assert told == [(1, 1), (1, 0), (0, 1), (0, 0)]
    for place, (_, prompt) in enumerate(questions):
        for member in range(2):
            seed = stand_in.asked[2 * place + member][1]["seed"]
            [[alone]] = sample(tiny_policy, [prompt], 1, SETTINGS, seeded(seed))
            assert rows[place][member].token_ids == alone.token_ids
            assert rows[place][member].logp == pytest.approx(alone.logp, abs=1e-5)
            assert (rows[place][member].text, rows[place][member].stop) == (alone.text, alone.stop)


def test_every_request_has_a_seed_of_its_own_that_the_generator_decides(
    stand_in: StandIn, tiny_policy: Policy, questions: list[Any]
) -> None:
    backend = opened(tiny_policy)
    backend.hand_over(0)
    one, two = (backend.write(questions, 2, SETTINGS, seeded(3)) for _ in range(2))
    assert one == two
    seeds = [params["seed"] for _, params in stand_in.asked]
    assert len(set(seeds[:4])) == 4
    assert seeds[:4] == seeds[4:]


def test_a_prompt_has_one_placeholder_for_each_image_and_its_picture(
    tiny_policy: Policy, questions: list[Any]
) -> None:
    (text, plain), (pictured, prompt) = questions
    made = request(tiny_policy, pictured, prompt)
    assert made["prompt_token_ids"].count(tiny_policy.placeholder_id) == 1
    assert [image.size for image in made["multi_modal_data"]["image"]] == [(56, 56)]
    assert request(tiny_policy, text, plain) == {"prompt_token_ids": plain.token_ids.tolist()}


def test_a_video_is_handed_over_as_its_frames(
    tiny_policy: Policy, tiny_encoder: Encoder, film: Paint
) -> None:
    made = Sample("video", (Message("user", "<image>What?"),), (film(3),))
    asked = request(tiny_policy, made, tiny_encoder.prompt(made, STYLE))
    assert asked["prompt_token_ids"].count(tiny_policy.placeholder_id) == 3
    assert [image.size for image in asked["multi_modal_data"]["image"]] == [(28, 28)] * 3


def test_placeholders_of_images_side_by_side_are_told_apart(
    tiny_policy: Policy, tiny_encoder: Encoder, paint: Paint
) -> None:
    media = (paint("red"), paint("blue", 84, 56), paint("green"))
    made = Sample("three", (Message("user", "<image><image>and<image>?"),), media)
    prompt = tiny_encoder.prompt(made, STYLE)
    ids = unexpanded(prompt, tiny_policy.placeholder_id)
    assert ids.count(tiny_policy.placeholder_id) == 3
    others = [token for token in prompt.token_ids.tolist() if token != tiny_policy.placeholder_id]
    assert [token for token in ids if token != tiny_policy.placeholder_id] == others


def test_a_prompt_that_goes_on_from_given_tokens_is_asked_whole(
    tiny_policy: Policy, tiny_encoder: Encoder, paint: Paint
) -> None:
    made = Sample("begun", (Message("user", "<image>?"),), (paint("red"),))
    prompt = tiny_encoder.prompt(made, STYLE)
    begun = prompt.extend((60, 61), (0, 0))
    ids = [unexpanded(p, tiny_policy.placeholder_id) for p in (prompt, begun)]
    assert ids[1] == [*ids[0], 60, 61]


def test_new_weights_are_handed_over_once_and_old_computations_forgotten(
    stand_in: StandIn, fresh_policy: Policy, questions: list[Any]
) -> None:
    backend = opened(fresh_policy)
    backend.hand_over(0)
    before = backend.write(questions, 1, SETTINGS, seeded())
    backend.hand_over(0)
    assert stand_in.calls == []
    with torch.no_grad():
        for parameter in fresh_policy.core.parameters():
            parameter.mul_(1.05)
    backend.hand_over(1)
    assert stand_in.calls == ["reload_weights", "reset_prefix_cache"]
    after = backend.write(questions, 1, SETTINGS, seeded())
    seed = stand_in.asked[-2][1]["seed"]
    [[alone]] = sample(fresh_policy, [questions[0][1]], 1, SETTINGS, seeded(seed))
    assert after[0][0].logp == pytest.approx(alone.logp, abs=1e-4)
    assert after[0][0].logp != pytest.approx(before[0][0].logp, abs=1e-4)


def test_the_engine_reads_images_as_the_policy_does(
    stand_in: StandIn, tiny_policy: Policy, questions: list[Any]
) -> None:
    backend = opened(tiny_policy)
    backend.hand_over(0)
    backend.write(questions, 1, SETTINGS, seeded())
    size = tiny_policy.processor.image_processor.size
    assert stand_in.options["mm_processor_kwargs"] == {
        "min_pixels": size["shortest_edge"], "max_pixels": size["longest_edge"],
    }  # fmt: skip
    assert stand_in.options["dtype"] == "float32"


def test_forbidden_tokens_are_biased_away_and_stop_strings_kept(tiny_policy: Policy) -> None:
    made = sampling_params(tiny_policy, SamplingSettings(5, stop=("</answer>",)))
    assert set(made["logit_bias"]) == set(tiny_policy.forbidden_token_ids)
    assert (made["stop"], made["detokenize"], made["logprobs"]) == (["</answer>"], True, 0)
    assert not sampling_params(tiny_policy, SamplingSettings(5))["detokenize"]


@pytest.mark.parametrize(
    ("settings", "mode"),
    [
        (SamplingSettings(5), "raw_logprobs"),
        (SamplingSettings(5, top_p=0.9, top_k=20), "raw_logprobs"),
        (SamplingSettings(5, temperature=0.0), "raw_logprobs"),
        (SamplingSettings(5, temperature=0.7), "processed_logprobs"),
    ],
)
def test_log_probabilities_are_those_after_the_temperature_and_before_the_cut(
    settings: SamplingSettings, mode: str
) -> None:
    assert logprobs_mode(settings) == mode


def test_a_temperature_with_a_cut_is_refused() -> None:
    with pytest.raises(BackendError, match=r"set temperature=1, or top_p=1 and top_k=0"):
        logprobs_mode(SamplingSettings(5, temperature=0.7, top_p=0.9))


def completion(
    ids: tuple[int, ...], logp: tuple[float, ...], reason: str, stopped: Any = None
) -> Any:
    at = [{token: SimpleNamespace(logprob=value)} for token, value in zip(ids, logp, strict=True)]
    return SimpleNamespace(token_ids=ids, logprobs=at, finish_reason=reason, stop_reason=stopped)


@pytest.mark.parametrize(
    ("last", "reason", "stopped", "wanted"),
    [
        ("end", "stop", None, "end"),
        ("end", "length", None, "end"),
        ("other", "length", None, "length"),
        ("other", "stop", "</a>", "stop"),
        ("other", "stop", None, "end"),
    ],
)
def test_stop_reasons_have_our_names(
    tiny_policy: Policy, last: str, reason: str, stopped: Any, wanted: str
) -> None:
    ids = (5, tiny_policy.end_token_ids[0] if last == "end" else 6)
    output = completion(ids, (-0.5, -1.0), reason, stopped)
    rollout = as_rollout(tiny_policy, output, SamplingSettings(9, stop=("</a>",)))
    assert (rollout.stop, rollout.logp) == (wanted, (-0.5, -1.0))


def test_a_response_without_log_probabilities_is_an_error(tiny_policy: Policy) -> None:
    output = SimpleNamespace(token_ids=[1, 2], logprobs=None, finish_reason="stop", stop_reason="")
    with pytest.raises(BackendError, match="without the log-probability"):
        as_rollout(tiny_policy, output, SETTINGS)


# -- in a recipe ----------------------------------------------------------------------------------


def test_a_recipe_that_names_it_where_it_is_not_is_refused_with_the_remedy() -> None:
    if find_spec("vllm") is not None:
        pytest.skip("vLLM is installed here")
    made = override(load_recipe("rewarded", "micro"), {"stages.rl.sampler": "vllm"})
    [line] = refusals(made)
    assert line == (
        "stages.rl.sampler: 'vllm': vLLM is not installed; pip install 'gnomon[vllm]', or use the "
        "sampler own"
    )
    with pytest.raises(RecipeError, match="vLLM is not installed"):
        check(made)


def test_the_own_sampler_is_never_refused() -> None:
    made = override(load_recipe("rewarded", "micro"), {"stages.rl.sampler": "own"})
    assert refusals(made) == []


def test_an_unknown_sampler_is_told_with_the_nearest() -> None:
    with pytest.raises(RecipeError, match=r"no sampler named 'vlm'; did you mean 'vllm'\?"):
        override(load_recipe("rewarded", "micro"), {"stages.rl.sampler": "vlm"})


def test_a_missing_gpu_is_told_before_anything_starts(stand_in: StandIn) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    made = override(load_recipe("rewarded", "micro"), {"stages.rl.sampler": "vllm"})
    assert "vLLM needs a GPU" in refusals(made)[0]


def test_vllm_itself_writes_what_the_trainer_finds(open_stage: Open, tiny_folder: Path) -> None:
    pytest.importorskip("vllm", reason="the extra vllm is not installed")
    if not torch.cuda.is_available():
        pytest.skip("vLLM needs a GPU")
    policy = load_policy(str(tiny_folder), device="cuda")
    stage = stage_of(
        sampler=Use("vllm", dtype="float32", gpu_memory=0.2, eager=True, max_model_len=512),
        sampling=Sampling(max_new_tokens=8),
        rewards=({"part": "length-ramp", "budget": 5, "weight": 1.0},),
    )
    context = open_stage(stage, policy)
    assert isinstance(Objective.of(stage, context).sampler, VllmSampler)
    first, second = (result.values for result in steps_of(stage, context, 2))
    assert first["mismatch_mean"] < 0.02
    assert second["mismatch_mean"] < 0.02
