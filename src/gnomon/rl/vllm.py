"""vLLM as a rollout backend (extra ``vllm``, a GPU): the engine writes, the policy learns.

The engine has weights of its own, in a folder that it was opened with. After every update they are
written there again and the engine reads them anew, so that it never writes with old ones. It is
given unexpanded prompts (one placeholder an image) with the pictures, a seed for every response,
and what no response may hold; it gives back token ids with the log-probabilities that it computed.
Written for vLLM 0.11 and later, of which those from 0.20 on fit this package's torch; all calls
into it are in `Engine`.
"""

from __future__ import annotations

import functools
import shutil
import tempfile
import weakref
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from gnomon.media.frames import expand_videos
from gnomon.media.image import open_image
from gnomon.models.encode import Encoded
from gnomon.models.load import save_policy
from gnomon.models.policy import Policy
from gnomon.models.sampler import Ended, SamplingSettings
from gnomon.parts import register
from gnomon.records import Rollout, Sample, StopReason
from gnomon.rl.backend import BackendError, RolloutBackend
from gnomon.stages.context import Prepared

NEVER = -100.0
"""Added to the logits of what no response may hold; the most that an OpenAI-like bias may be."""


class Engine:
    """The calls into vLLM: open, load again, write.

    ``logprobs_mode`` of the engine is fixed when it is opened, see `logprobs_mode`.
    """

    def __init__(self, model: Path, settings: Mapping[str, Any]) -> None:
        from vllm import LLM, SamplingParams
        from vllm.sampling_params import RequestOutputKind

        # Otherwise every token of every response would come as an output of its own.
        self._params = functools.partial(SamplingParams, output_kind=RequestOutputKind.FINAL_ONLY)
        self._llm = LLM(model=str(model), **settings)
        self._numbers = iter(range(2**62))

    def reload(self) -> None:
        """Read the weights of the folder anew, and forget what was computed with the old ones."""
        self._llm.collective_rpc("reload_weights")
        self._llm.reset_prefix_cache()

    def write(
        self, prompts: Sequence[Mapping[str, Any]], params: Sequence[Mapping[str, Any]]
    ) -> Iterator[tuple[int, Any]]:
        """Each response as it ends: the index of its prompt, and its only `CompletionOutput`."""
        engine = self._llm.llm_engine
        places: dict[str, int] = {}
        for place, (prompt, one) in enumerate(zip(prompts, params, strict=True)):
            name = f"rollout-{next(self._numbers)}"
            places[name] = place
            engine.add_request(name, prompt, self._params(**one))
        while engine.has_unfinished_requests():
            for output in engine.step():
                if output.finished:
                    yield places[output.request_id], output.outputs[0]


class VllmSampler:
    """Writes rollouts with vLLM; the engine is opened when it is first used.

    Raises `gnomon.rl.backend.BackendError` where the settings ask for what the engine cannot report
    and for a response without its log-probabilities.
    """

    def __init__(
        self, policy: Policy, root: Path | None, options: Mapping[str, Any], max_model_len: int
    ) -> None:
        self.policy, self.root, self.options = policy, root, dict(options)
        self.max_model_len = max_model_len
        self._folder = Path(tempfile.mkdtemp(prefix="gnomon-vllm-"))
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._engine: Engine | None = None
        self._mode = ""
        self._version: int | None = None

    def hand_over(self, version: int) -> None:
        """Write the policy's weights, adapters merged, where the engine reads them, once each."""
        if version == self._version:
            return
        save_policy(self.policy, self._folder)
        if self._engine is not None:
            self._engine.reload()
        self._version = version

    def write(
        self,
        questions: Sequence[Prepared],
        count: int,
        settings: SamplingSettings,
        generator: torch.Generator,
        on_ended: Ended | None = None,
    ) -> list[list[Rollout]]:
        """``count`` responses to each question, each from a request with a seed of its own."""
        engine = self._open(settings)
        prompts = [request(self.policy, *question, self.root) for question in questions]
        every = [(place, member) for place in range(len(questions)) for member in range(count)]
        seeds = torch.randint(2**31, (len(every),), generator=generator, device=generator.device)
        common = sampling_params(self.policy, settings)
        params = [{**common, "seed": seed} for seed in seeds.tolist()]
        written: dict[tuple[int, int], Rollout] = {}
        for number, output in engine.write([prompts[place] for place, _ in every], params):
            written[every[number]] = rollout = as_rollout(self.policy, output, settings)
            if on_ended is not None:
                on_ended(*every[number], rollout)
        return [[written[place, member] for member in range(count)]
                for place in range(len(questions))]  # fmt: skip

    def _open(self, settings: SamplingSettings) -> Engine:
        if self._engine is None:
            self._mode = logprobs_mode(settings)
            sizes = self.policy.processor.image_processor.size
            pixels = {"min_pixels": sizes["shortest_edge"], "max_pixels": sizes["longest_edge"]}
            self._engine = Engine(
                self._folder,
                {
                    "logprobs_mode": self._mode,
                    "max_model_len": self.max_model_len,
                    "mm_processor_kwargs": pixels,
                    **self.options,
                },
            )
        return self._engine


def logprobs_mode(settings: SamplingSettings) -> str:
    """The engine's mode whose log-probabilities are those of the tempered distribution, uncut.

    ``raw_logprobs`` are taken before the temperature, ``processed_logprobs`` after it and after
    top-p and top-k; so one of the two is right unless both a temperature and a cut are asked for,
    which raises `gnomon.rl.backend.BackendError`.
    """
    if settings.scale == 1.0:
        return "raw_logprobs"
    if settings.top_p < 1.0 or settings.top_k > 0:
        raise BackendError(
            f"temperature={settings.temperature} with top_p={settings.top_p} and "
            f"top_k={settings.top_k}: vLLM reports probabilities before the temperature or after "
            "the cut, and training needs those between; set temperature=1, or top_p=1 and top_k=0"
        )
    return "processed_logprobs"


def request(
    policy: Policy, sample: Sample, prompt: Encoded, root: Path | None = None
) -> dict[str, Any]:
    """A prompt as vLLM takes it: ids with one placeholder for each image, and the images.

    Raises `BackendError` for a model that takes other media than images.
    """
    if policy.family.medium != "image":
        raise BackendError(
            f"vLLM is given images here, and this model takes {policy.family.medium}: leave the "
            "backend out, so that the package's own sampler writes"
        )
    ids = unexpanded(prompt, policy.placeholder_id)
    made: dict[str, Any] = {"prompt_token_ids": ids}
    shown = expand_videos(sample, policy.video, root=root)
    if shown.media:
        pictures = [open_image(medium, root=root) for medium in shown.media]
        made["multi_modal_data"] = {"image": pictures}
    return made


def unexpanded(prompt: Encoded, placeholder_id: int) -> list[int]:
    """The prompt's token ids with one placeholder for each percept, as its processor expands it."""
    counts = iter([percept.features for run in prompt.chain() for percept in run.percepts])
    ids: list[int] = []
    left = 0
    for token in [token for run in prompt.chain() for token in run.token_ids.tolist()]:
        if token == placeholder_id and left == 0:
            left = next(counts)
            ids.append(token)
        elif token != placeholder_id:
            ids.append(token)
        left -= token == placeholder_id
    return ids


def sampling_params(policy: Policy, settings: SamplingSettings) -> dict[str, Any]:
    """Arguments of ``SamplingParams`` for one response; the seed is the request's own."""
    return {
        "n": 1,
        "temperature": settings.temperature,
        "top_p": settings.top_p,
        "top_k": settings.top_k,
        "max_tokens": settings.max_new_tokens,
        "stop": list(settings.stop),
        "include_stop_str_in_output": True,
        "logprobs": 0,
        "detokenize": bool(settings.stop),
        "skip_special_tokens": True,
        "stop_token_ids": list(policy.end_token_ids),
        "logit_bias": dict.fromkeys(policy.forbidden_token_ids, NEVER),
    }


def as_rollout(policy: Policy, output: Any, settings: SamplingSettings) -> Rollout:
    """A `CompletionOutput` as a rollout; the text is what our tokenizer makes of its ids."""
    ids = tuple(int(token) for token in output.token_ids)
    if output.logprobs is None or len(output.logprobs) != len(ids):
        raise BackendError(
            "vLLM gave a response without the log-probability of every token; "
            "is the version older than 0.11?"
        )
    logp = tuple(float(at[token].logprob) for token, at in zip(ids, output.logprobs, strict=True))
    text = policy.processor.tokenizer.decode(ids, skip_special_tokens=True)
    return Rollout(ids, logp, text, stop_reason(policy, ids, output, settings))


def stop_reason(
    policy: Policy, ids: Sequence[int], output: Any, settings: SamplingSettings
) -> StopReason:
    """Why a response ended, by the names of this package.

    ``finish_reason`` is "length" at the limit; with "stop", ``stop_reason`` is the string that
    stopped it, or an end token's id or None for the end. An end token at the limit is an end.
    """
    if ids and ids[-1] in policy.end_token_ids:
        return "end"
    if output.finish_reason == "length":
        return "length"
    return "stop" if output.stop_reason in settings.stop else "end"


@register("sampler")
def vllm(
    policy: Policy,
    root: Path | None,
    *,
    gpu_memory: float = 0.4,
    max_model_len: int = 8192,
    tensor_parallel: int = 1,
    dtype: str = "bfloat16",
    eager: bool = False,
) -> RolloutBackend:
    """The engine vLLM in the run's own process, beside the trainer on the same GPU.

    ``gpu_memory`` is the share of the GPU's memory that the engine takes, ``max_model_len`` the
    tokens of prompt and response together. Its probabilities are not the trainer's: the mismatch is
    logged, and ``corrections`` of the stage, such as ``truncate``, make up for it. Needs the extra
    ``vllm`` and a GPU. Source: arXiv 2309.06180.
    """
    problem = missing()
    if problem:
        raise BackendError(problem)
    options = {
        "gpu_memory_utilization": gpu_memory,
        "tensor_parallel_size": tensor_parallel,
        "dtype": dtype,
        "enforce_eager": eager,
        "enable_prefix_caching": True,
    }
    return VllmSampler(policy, root, options, max_model_len)


def missing() -> str:
    """Why vLLM cannot be used on this machine, and the remedy; nothing when it can."""
    if find_spec("vllm") is None:
        return "vLLM is not installed; pip install 'gnomon[vllm]', or use the sampler own"
    if not torch.cuda.is_available():
        return "vLLM needs a GPU and there is none; use the sampler own"
    return ""


vllm.missing = missing  # type: ignore[attr-defined]
