"""The chat-completions request that is served: its fields, its limits, and the sample that it is.

What is not understood is refused with its name, never dropped: a client that asks for tools or for
log-probabilities must not take silence for an answer.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gnomon.media.image import open_image, png_bytes
from gnomon.models.sampler import SamplingSettings
from gnomon.records import BadRecord, Media, Message, Sample

MAX_BODY = 32 * 2**20
"""Largest request in bytes."""
MAX_PIXELS = 16_000_000
"""Largest image; the header is read before anything is decoded."""
MAX_MEDIA, MAX_CHOICES = 16, 16
DEFAULT_TOKENS = 256


class Refused(ValueError):
    """A request that cannot be served: HTTP status, the field that is wrong, and what would be."""

    def __init__(self, message: str, param: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.param = param
        self.status = status

    def body(self) -> dict[str, Any]:
        """The error as OpenAI's clients read it."""
        kind = "invalid_request_error" if self.status < 500 else "server_error"
        error = {"message": str(self), "type": kind, "param": self.param, "code": None}
        return {"error": error}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Turn(_Strict):
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[dict[str, Any]]
    name: str | None = None


class _StreamOptions(_Strict):
    include_usage: bool = False


class _Body(_Strict):
    model: str = ""
    messages: list[_Turn] = Field(min_length=1)
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    temperature: float | None = Field(1.0, ge=0, le=10, allow_inf_nan=False)
    top_p: float | None = Field(1.0, gt=0, le=1)
    top_k: int = Field(0, ge=0)
    n: int | None = Field(1, ge=1, le=MAX_CHOICES)
    stop: str | list[str] | None = None
    stream: bool | None = False
    stream_options: _StreamOptions | None = None
    seed: int | None = None
    user: str | None = None
    continue_final_message: bool = False
    add_generation_prompt: bool = True


@dataclass(frozen=True)
class Chat:
    """One request, ready to be sampled; the reply goes on from ``prefix``."""

    sample: Sample
    prefix: str
    settings: SamplingSettings
    count: int
    stream: bool
    usage: bool
    seed: int


def read_chat(body: Mapping[str, Any]) -> Chat:
    """A request from its JSON body; `Refused` names the first thing that does not fit.

    Images and videos come as data URIs, a video as vLLM takes it (``video_url``); addresses are not
    fetched. ``temperature`` is 1 when it is not given,
    as OpenAI's is. ``continue_final_message`` goes on with the last assistant's turn, as vLLM does.
    """
    try:
        known = _Body.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            told = f"{place!r} is not supported by this server; leave it out"
        else:
            told = f"{place}: {first['msg']}"
        raise Refused(told, place) from None
    turns, media = _turns(known)
    prefix = ""
    if known.continue_final_message:
        if turns[-1].role != "assistant" or "<image>" in turns[-1].text:
            raise Refused("there is no assistant's text to continue", "continue_final_message")
        prefix = turns.pop().text
    if not turns or turns[-1].role != "user":
        raise Refused("the last message must be the user's", "messages")
    stop = (known.stop,) if isinstance(known.stop, str) else tuple(known.stop or ())
    settings = SamplingSettings(
        known.max_completion_tokens or known.max_tokens or DEFAULT_TOKENS,
        1.0 if known.temperature is None else known.temperature,
        known.top_p or 1.0,
        known.top_k,
        tuple(word for word in stop if word),
    )
    return Chat(
        Sample("request", tuple(turns), tuple(media)),
        prefix,
        settings,
        known.n or 1,
        bool(known.stream),
        known.stream_options is not None and known.stream_options.include_usage,
        known.seed or 0,
    )


def _turns(known: _Body) -> tuple[list[Message], list[Media]]:
    media: list[Media] = []
    turns: list[Message] = []
    for index, turn in enumerate(known.messages):
        role = "system" if turn.role == "developer" else turn.role
        text = _text(turn.content, media, f"messages.{index}.content")
        turns.append(Message(role, text))
    return turns, media


def _text(content: str | list[dict[str, Any]], media: list[Media], place: str) -> str:
    """The text of one turn with ``<image>`` where its media stand, which join ``media``."""
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    pieces = []
    for block in blocks:
        if block.get("type") == "text" and isinstance(block.get("text"), str):
            if "<image>" in block["text"]:
                raise Refused("a text may not hold <image>; send images as image_url", place)
            pieces.append(block["text"])
        elif block.get("type") in _MEDIA:
            if len(media) == MAX_MEDIA:
                raise Refused(f"at most {MAX_MEDIA} images and videos are read", place)
            name = block["type"]
            kind, read = _MEDIA[name]
            media.append(read(_data(block.get(name), kind, place), place))
            pieces.append("<image>")
        else:
            raise Refused(f"a block of type {block.get('type')!r} is not supported", place)
    return "".join(pieces)


def _data(value: Any, kind: str, place: str) -> bytes:
    """The bytes of a medium that comes as a data URI of its kind."""
    url = value.get("url") if isinstance(value, Mapping) else None
    if not isinstance(url, str) or not url.startswith(f"data:{kind}/"):
        raise Refused(f"{kind}s must be data URIs (data:{kind}/...;base64,...)", place)
    head, found, data = url.partition(",")
    if not found or not head.endswith(";base64"):
        raise Refused(f"the data URI of {kind}s must be base64", place)
    try:
        return base64.b64decode(data, validate=True)
    except binascii.Error as error:
        raise Refused(f"the {kind} cannot be read: {error}", place) from None


def _image(raw: bytes, place: str) -> Media:
    try:
        picture = open_image(Media("image", data=raw), max_pixels=MAX_PIXELS)
    except BadRecord as error:
        raise Refused(f"the image cannot be read: {error}", place) from None
    return Media("image", data=png_bytes(picture))


def _video(raw: bytes, place: str) -> Media:
    return Media("video", data=raw)


_MEDIA: dict[str, tuple[str, Callable[[bytes, str], Media]]] = {
    "image_url": ("image", _image),
    "video_url": ("video", _video),
}
"""Type of a block to the kind of its medium and what makes it; the encoder opens videos."""


def refuse_too_long(error: BadRecord) -> Refused:
    """What a client is told when its prompt cannot be encoded."""
    return Refused(str(error).replace("sample request", "the prompt"), "messages")
