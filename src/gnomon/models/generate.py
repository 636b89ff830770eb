"""Ask a model one question."""

from __future__ import annotations

from pathlib import Path

import torch

from gnomon.models.load import BUNDLED, ModelError, load_policy
from gnomon.models.policy import Policy
from gnomon.models.sampler import SamplingSettings, sample
from gnomon.parts import part
from gnomon.records import BadRecord, Media, MediaKind, Message, Sample


def generate(
    model: str | Path,
    question: str,
    image: Path | str | bytes | None = None,
    *,
    audio: Path | str | bytes | None = None,
    format: str | None = None,
    max_new_tokens: int = 256,
    temperature: float = 0.0,
    seed: int = 0,
    device: str | None = None,
) -> str:
    """Load a model and return its response to one question, without special tokens.

    ``model`` is a folder, a hub id, or a bundled model: 'gnomon-micro', which sees, or
    'gnomon-micro-audio', which hears. ``image``, or ``audio`` for a model that hears, is a file or
    its encoded bytes; it comes where the question says ``<image>``, or first. ``format`` names the
    form in which the answer is asked (``gnomon parts format``); None means 'think-boxed', which the
    recipes teach, and for bundled models, which answer directly, 'direct'. ``temperature`` 0 is
    greedy; the same arguments give the same response on a CPU. ``device`` is the first GPU where
    there is one.
    Raises `BadRecord` for a question or image that cannot be used and `ModelError` for such a
    model, before the model is loaded where that can be seen. Source: ours.
    """
    request = make_request(question, image, audio)
    _check_limits(max_new_tokens, temperature)
    form = format or ("direct" if str(model) in BUNDLED else "think-boxed")
    part("format", form)
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    policy = load_policy(str(model), device=device)
    settings = SamplingSettings(max_new_tokens, temperature)
    return respond(policy, request, settings, format=form, seed=seed)


def respond(
    policy: Policy,
    request: Sample,
    settings: SamplingSettings,
    *,
    format: str = "direct",
    seed: int = 0,
) -> str:
    """One response of a loaded policy to ``request``, asked in ``format``.

    Raises `BadRecord` when the prompt leaves no room for ``settings.max_new_tokens`` in the model's
    context. Source: ours.
    """
    room = context_length(policy) - settings.max_new_tokens
    if room < 1:
        raise ModelError(
            f"max_new_tokens={settings.max_new_tokens} leaves no room for the question: the "
            f"model's context is {context_length(policy)} tokens; ask for fewer"
        )
    encoder = policy.encoder(max_tokens=room)
    prompt = encoder.prompt(request, part("format", format)())
    generator = torch.Generator(device=policy.device).manual_seed(seed)
    [[rollout]] = sample(policy, [prompt], 1, settings, generator)
    return rollout.text


def make_request(
    question: str,
    image: Path | str | bytes | None = None,
    audio: Path | str | bytes | None = None,
) -> Sample:
    """The question as a `Sample`; an image or a sound comes first unless ``<image>`` places it.

    Raises `BadRecord` for an empty question, a file that is not there, both an image and a sound, a
    place without either and more than one place. Source: ours.
    """
    if not question.strip():
        raise BadRecord("the question is empty: write what the model is to answer")
    if image is not None and audio is not None:
        raise BadRecord("an image and a sound were given: give the one that the model takes")
    places = question.count("<image>")
    given = audio if image is None else image
    if given is None:
        if places:
            raise BadRecord(
                "the question places an <image> and none was given: name a PNG or JPEG file with "
                "--image, or a WAV, FLAC or OGG file with --audio (image=, audio= in Python), or "
                "leave out <image>"
            )
        return Sample("question", (Message("user", question),))
    if places > 1:
        raise BadRecord(
            f"the question places {places} images and one was given: write <image> once"
        )
    text = question if places else f"<image>{question}"
    kind: MediaKind = "audio" if image is None else "image"
    return Sample("question", (Message("user", text),), (_medium(given, kind),))


def context_length(policy: Policy) -> int:
    """Tokens that fit into the model's context, prompt and response together."""
    return int(policy.core.config.get_text_config().max_position_embeddings)


FILES: dict[MediaKind, tuple[str, ...]] = {
    "image": (".png", ".jpg", ".jpeg"),
    "audio": (".wav", ".flac", ".ogg"),
}
"""Endings of files that are named when another one is missing."""


def _medium(given: Path | str | bytes, kind: MediaKind) -> Media:
    if isinstance(given, bytes):
        return Media(kind, data=given)
    path = Path(given).expanduser()
    if path.is_dir():
        raise BadRecord(f"{path} is a folder: name one {', '.join(FILES[kind])} file in it")
    if not path.is_file():
        beside = sorted(
            item.name
            for item in (path.parent.iterdir() if path.parent.is_dir() else ())
            if item.suffix.lower() in FILES[kind]
        )
        found = f"; {path.parent} holds {', '.join(beside[:5])}" if beside else ""
        raise BadRecord(f"there is no {kind} at {path}: check the path{found}")
    return Media(kind, path=path)


def _check_limits(max_new_tokens: int, temperature: float) -> None:
    if max_new_tokens < 1:
        raise ModelError(f"max_new_tokens={max_new_tokens}: at least one token must be written")
    if not 0 <= temperature < float("inf"):
        raise ModelError(f"temperature={temperature}: give 0 (greedy) or a positive number")
