"""Measure a model on a benchmark: sample, parse, grade, and say how sure the result is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from gnomon.evaluation.benchmarks import Benchmark
from gnomon.evaluation.rows import image_files, prompt_text, rollout_row
from gnomon.evaluation.summary import EvaluationResult, estimate, summarise
from gnomon.grading.respond import grade_response
from gnomon.models.encode import Encoded, Encoder
from gnomon.models.load import BUNDLED, load_policy
from gnomon.models.policy import Policy
from gnomon.models.sampler import SamplingSettings, sample
from gnomon.parts import BoundPart, part
from gnomon.records import BadRecord, Graded, Group, Sample
from gnomon.stages.updates import step_generator
from gnomon.watch import Watcher

if TYPE_CHECKING:
    from gnomon.formats.grammar import Format

OnSkip = Callable[[str, str], None]
"""Receives the id of something that was left out, and the reason."""


@dataclass(frozen=True)
class EvaluationSettings:
    """How to ask. The default is one greedy response of at most 128 tokens, for gnomon-micro.

    ``samples`` responses are drawn per item; more than one needs a temperature above 0.
    ``max_tokens`` is the longest prompt that is accepted, ``chunk`` how many items are read, and
    responses decoded, at a time.
    """

    max_new_tokens: int = 128
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    samples: int = 1
    max_tokens: int = 2048
    chunk: int = 128

    def __post_init__(self) -> None:
        for name in ("max_new_tokens", "samples", "max_tokens", "chunk"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)}: use at least 1")
        if self.temperature < 0 or not 0 < self.top_p <= 1 or self.top_k < 0:
            raise ValueError(
                f"temperature={self.temperature}, top_p={self.top_p}, top_k={self.top_k}: use a "
                "temperature and a top_k of 0 or more, and a top_p above 0 and up to 1"
            )
        if self.samples > 1 and self.temperature == 0:
            raise ValueError(
                f"samples={self.samples} at temperature=0 are copies of one response; use one "
                "sample, or a temperature such as 1.0"
            )

    @property
    def sampling(self) -> SamplingSettings:
        """The same for the sampler."""
        return SamplingSettings(
            self.max_new_tokens, self.temperature, self.top_p, self.top_k, chunk=self.chunk
        )


@dataclass
class _Progress:
    """What an evaluation has gathered so far."""

    groups: list[Group] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    images: dict[str, bytes] = field(default_factory=dict)
    skipped: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class _Question:
    """A usable item: its number in the benchmark, its sample, prompt, and image files."""

    number: int
    sample: Sample
    prompt: Encoded
    images: dict[str, bytes]


def evaluate_policy(
    policy: Policy,
    benchmark: Benchmark,
    *,
    style: Format,
    grader: BoundPart,
    settings: EvaluationSettings,
    generator: torch.Generator,
    watcher: Watcher | None = None,
    on_skip: OnSkip | None = None,
) -> EvaluationResult:
    """Ask ``policy`` every item of ``benchmark`` as ``style`` does; grade with ``grader``.

    An item that cannot be read, encoded or graded is counted, given to ``on_skip`` with its reason,
    and left out of the accuracy: it is never a silent zero. Outcomes TIMEOUT, CRASH and
    UNPARSEABLE_REFERENCE count as not graded. The same weights, settings and generator state give
    the same result. ``generator`` lives on the policy's device. Source: ours.
    """
    watcher, on_skip = watcher or Watcher(), on_skip or _ignore
    start = time.perf_counter()
    total = len(benchmark.samples)
    watcher.started(f"evaluate {benchmark.name}", total)
    encoder = policy.encoder(max_tokens=settings.max_tokens, root=benchmark.root)
    progress = _Progress()
    for begin in range(0, total, settings.chunk):
        numbers = range(begin, min(begin + settings.chunk, total))
        questions = list(_read(benchmark, numbers, encoder, style, progress))
        _ask(policy, questions, style, grader, settings, generator, watcher, progress)
        watcher.advanced(numbers.stop, {"accuracy": estimate(progress.groups).accuracy})
    result = summarise(
        benchmark.name,
        progress.groups,
        samples=settings.samples,
        skipped=progress.skipped,
        rows=progress.rows,
        images=progress.images,
        seconds=time.perf_counter() - start,
    )
    for id, reason in (*result.skipped, *result.excluded):
        on_skip(id, reason)
    _warn(result, settings, watcher)
    watcher.finished(str(result))
    return result


def _read(
    benchmark: Benchmark,
    numbers: range,
    encoder: Encoder,
    style: Format,
    progress: _Progress,
) -> Iterator[_Question]:
    """The usable items with these numbers; the others are noted in ``progress.skipped``."""
    for number in numbers:
        name = f"{benchmark.name}[{number}]"
        try:
            item = benchmark.samples[number]
            name = item.id
            _require_question(item)
            prompt = encoder.prompt(item, style)
            yield _Question(number, item, prompt, image_files(item, benchmark.root, encoder.video))
        except BadRecord as error:
            progress.skipped.append((name, str(error)))


def _require_question(item: Sample) -> None:
    if item.answer is None:
        raise BadRecord("it has no reference answer; give one, or leave the record out")
    if item.messages[-1].role != "user":
        raise BadRecord("it ends with the assistant's turn; leave that out, so that it asks")


def _ask(
    policy: Policy,
    questions: list[_Question],
    style: Format,
    grader: BoundPart,
    settings: EvaluationSettings,
    generator: torch.Generator,
    watcher: Watcher,
    progress: _Progress,
) -> None:
    """Sample and grade responses to ``questions`` and add them to ``progress``."""
    watcher.phase("rollout")
    prompts = [question.prompt for question in questions]
    rollouts = sample(policy, prompts, settings.samples, settings.sampling, generator)
    watcher.phase("grade")
    for question, written in zip(questions, rollouts, strict=True):
        members = tuple(
            grade_response(question.sample, rollout, style, grader) for rollout in written
        )
        progress.groups.append(Group(question.sample, members))
        progress.rows += _rows(question, members, style)
        progress.images |= question.images


def _rows(question: _Question, members: tuple[Graded, ...], style: Format) -> list[dict[str, Any]]:
    prompt = prompt_text(question.sample, style)
    return [
        rollout_row(
            question.number, member, question.sample, graded,
            prompt=prompt, images=tuple(question.images),
        )
        for member, graded in enumerate(members)
    ]  # fmt: skip


def _warn(result: EvaluationResult, settings: EvaluationSettings, watcher: Watcher) -> None:
    if result.skipped:
        id, reason = result.skipped[0]
        watcher.note(f"skipped records: {len(result.skipped)}, the first {id}: {reason}")
    if result.excluded:
        id, reason = result.excluded[0]
        watcher.note(f"responses not graded: {len(result.excluded)}, the first {id}: {reason}")
    if result.truncated > 0.1:
        watcher.note(
            f"{result.truncated:.0%} of the responses were cut at {settings.max_new_tokens} "
            "tokens; if that is not wanted, raise max_new_tokens"
        )


def _ignore(id: str, reason: str) -> None:
    """Skips are in the result as well."""


def evaluate(
    model: str,
    benchmark: str,
    *,
    benchmark_settings: Mapping[str, Any] | None = None,
    settings: EvaluationSettings | None = None,
    format: str | None = None,
    grader: str | None = None,
    seed: int = 0,
    dtype: str = "float32",
    watcher: Watcher | None = None,
    on_skip: OnSkip | None = None,
) -> EvaluationResult:
    """Load a model and measure it on a benchmark, on the first GPU if there is one.

    ``model`` is a Hugging Face folder, a hub id or ``gnomon-micro``; ``benchmark`` is the name of a
    part (``gnomon parts benchmark``) and ``benchmark_settings`` are its settings. ``format`` and
    ``grader`` None mean ``think-boxed`` and ``strict``, what the recipes teach; for
    ``gnomon-micro``, which answers directly, ``direct`` and ``lenient``. Raises `ModelError` for a
    model and `PartError` for a name or setting that does not fit, before anything is loaded where
    possible.

    >>> evaluate("gnomon-micro", "microworld-reasoning").accuracy  # doctest: +SKIP
    """
    usual_format, usual_grader = usual_parts(model)
    style = part("format", format or usual_format)()
    graded_by = part("grader", grader or usual_grader)
    items = part("benchmark", benchmark, **(benchmark_settings or {}))()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return evaluate_policy(
        load_policy(model, dtype=dtype, device=device),
        items,
        style=style,
        grader=graded_by,
        settings=settings or EvaluationSettings(),
        generator=step_generator(seed, 0, 0, "evaluation", device),
        watcher=watcher,
        on_skip=on_skip,
    )


def usual_parts(model: str) -> tuple[str, str]:
    """Names of the format and the grader that suit a model when a user names none. Source: ours.

    >>> usual_parts("gnomon-micro")
    ('direct', 'lenient')
    """
    return ("direct", "lenient") if model in BUNDLED else ("think-boxed", "strict")
