"""A reader behind an OpenAI-compatible chat-completions endpoint.

The official ``openai`` client sends the requests (extra ``api``); this module adds what a training
run needs: several at a time, a rate limit, retries with back-off, replies kept on disk, and counts.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gnomon.auxiliary.cache import Cache
from gnomon.auxiliary.reader import Counts, ReaderError, Replies, Request
from gnomon.media.files import check_kind, read_bytes
from gnomon.media.image import MAX_BYTES
from gnomon.parts import register
from gnomon.records import BadRecord, Media
from gnomon.rollouts import as_png_or_jpg

FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0
"""Seconds before the first retry, doubled each time, and the longest wait."""
TRANSIENT = (408, 409, 425, 429, 500, 502, 503, 504, 529)
"""Status codes that a later try may not meet again."""
REFUSED = (401, 403, 404)
"""Status codes that say that no request can succeed."""


@dataclass(frozen=True)
class EndpointSettings:
    """How an endpoint is asked; ``per_minute`` 0 sets no rate limit."""

    model: str
    base_url: str
    max_new_tokens: int = 512
    temperature: float = 0.0
    timeout: float = 60.0
    retries: int = 5
    concurrency: int = 8
    per_minute: float = 0.0


class Pace:
    """Lets through at most ``per_minute`` requests a minute, evenly spaced, from any thread."""

    def __init__(self, per_minute: float, sleep: Callable[[float], None] = time.sleep) -> None:
        self.gap = 60 / per_minute if per_minute > 0 else 0.0
        self._next = 0.0
        self._sleep = sleep
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Wait for this request's turn."""
        if not self.gap:
            return
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next)
            self._next = turn + self.gap
        self._sleep(turn - now)


@dataclass
class EndpointReader:
    """A reader that asks an endpoint, from any thread and several of them at once.

    A request is tried again, after a growing wait, when the connection or the server failed; the
    server's Retry-After is kept. None when that never helped or the request itself was refused.
    `ReaderError` when nothing can succeed: a wrong key or model, or no reply at all to the first
    batch.
    """

    settings: EndpointSettings
    cache: Cache
    root: Path | None = None
    counts: Counts = field(default_factory=Counts)
    sleep: Callable[[float], None] = time.sleep
    _client: Any = None
    _reached: bool = False
    _problem: str = ""
    beside_decoding = True

    def __post_init__(self) -> None:
        self._pace = Pace(self.settings.per_minute, self.sleep)
        self._slots = threading.BoundedSemaphore(max(1, self.settings.concurrency))

    def __call__(self, requests: Sequence[Request]) -> Replies:
        """Replies by index."""
        if not requests:
            return []
        self._client = self._client or _client(self.settings)
        with ThreadPoolExecutor(min(len(requests), max(1, self.settings.concurrency))) as pool:
            replies = list(pool.map(self._reply, requests))
        failed = sum(reply is None for reply in replies)
        self.counts.add(asked=len(requests), failed=failed)
        self._reached = self._reached or failed < len(requests)
        if not self._reached and self._problem:
            raise ReaderError(
                f"{self.settings.base_url} answered none of the first {len(requests)} requests: "
                f"{self._problem}; check the address, the model and that the server runs"
            )
        return replies

    def _reply(self, request: Request) -> str | None:
        key = self._key(request)
        known = self.cache.get(key)
        if known is not None:
            self.counts.add(cached=1)
            return known
        with self._slots:
            reply = self._ask(request)
        if reply is not None:
            self.cache.put(key, reply)
        return reply

    def _ask(self, request: Request) -> str | None:
        try:
            body = chat_body(request, self.settings, self.root)
        except BadRecord as error:
            self._problem = str(error)
            return None
        for attempt in range(self.settings.retries + 1):
            self._pace.wait()
            wait = min(LONGEST_WAIT, FIRST_WAIT * 2**attempt)
            try:
                return self._read(self._client.chat.completions.create(**body))
            except Exception as error:  # noqa: BLE001 - told apart by status; others are raised
                wait = max(wait, self._wait_after(error))
            if wait == float("inf"):
                return None
            if attempt < self.settings.retries:
                self.sleep(wait)
        return None

    def _read(self, answer: Any) -> str | None:
        usage = answer.usage
        if usage is not None:
            self.counts.add(prompt_tokens=usage.prompt_tokens, reply_tokens=usage.completion_tokens)
        text: str | None = answer.choices[0].message.content if answer.choices else None
        return text

    def _wait_after(self, error: Exception) -> float:
        """Seconds to wait before the next try, infinite where none can help; ours are raised."""
        import openai

        if not isinstance(error, openai.APIError):
            raise error
        self._problem = f"{type(error).__name__}: {error}"[:300]
        status = getattr(error, "status_code", None)
        if status in REFUSED:
            raise ReaderError(
                f"{self.settings.base_url} refused model {self.settings.model!r} ({error}); check "
                "the name of the model, the address and the key in OPENAI_API_KEY"
            ) from error
        if status is None or status in TRANSIENT:
            return _retry_after(error)
        return float("inf")

    def _key(self, request: Request) -> str:
        told = [self.settings.model, self.settings.base_url, self.settings.max_new_tokens]
        told += [self.settings.temperature, request.key]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def chat_body(
    request: Request, settings: EndpointSettings, root: Path | None = None
) -> dict[str, Any]:
    """Arguments of ``chat.completions.create``; images and videos become data URIs in their places.

    Videos are what vLLM and ``gnomon serve`` take; OpenAI's own models do not. A prefix becomes a
    last turn of the assistant that is to be continued, as vLLM and ``gnomon serve`` understand it.
    Raises `BadRecord` for an image or a video that cannot be read.
    """
    images = iter(request.media)
    turns: list[dict[str, Any]] = [
        {"role": message.role, "content": _content(message.text, images, root)}
        for message in request.messages
    ]
    extra: dict[str, Any] = {}
    if request.prefix:
        turns.append({"role": "assistant", "content": request.prefix})
        going_on = {"continue_final_message": True, "add_generation_prompt": False}
        extra = {"extra_body": going_on}
    return {
        "model": settings.model,
        "messages": turns,
        "max_tokens": settings.max_new_tokens,
        "temperature": settings.temperature,
        **extra,
    }


def _content(text: str, images: Any, root: Path | None) -> str | list[dict[str, Any]]:
    first, *rest = text.split("<image>")
    if not rest:
        return text
    blocks: list[dict[str, Any]] = [{"type": "text", "text": first}] if first else []
    for piece in rest:
        medium = next(images, None)
        if medium is None:
            raise BadRecord("a request has more places for images than images")
        kind = f"{medium.kind}_url"
        blocks.append({"type": kind, kind: {"url": data_uri(medium, root)}})
        blocks += [{"type": "text", "text": piece}] if piece else []
    return blocks


def data_uri(medium: Media, root: Path | None = None) -> str:
    """An image, PNG or JPEG, or a video as it is, as a data URI; `BadRecord` for anything else."""
    data = read_bytes(medium, root, MAX_BYTES)
    if medium.kind == "video":
        return f"data:video/mp4;base64,{base64.b64encode(data).decode()}"
    check_kind(medium, "image", "an")
    encoded, kind = as_png_or_jpg(data)
    kind = "jpeg" if kind == "jpg" else kind
    return f"data:image/{kind};base64,{base64.b64encode(encoded).decode()}"


def _client(settings: EndpointSettings) -> Any:
    try:
        import openai
    except ImportError:
        raise ReaderError(
            "the reader 'endpoint' needs the openai client: pip install 'gnomon[api]'"
        ) from None
    import os

    # Servers of one's own ask for no key, but the client wants one.
    key = os.environ.get("OPENAI_API_KEY") or "none"
    base = settings.base_url or None
    return openai.OpenAI(base_url=base, api_key=key, timeout=settings.timeout, max_retries=0)


def _retry_after(error: Exception) -> float:
    response = getattr(error, "response", None)
    told = response.headers.get("retry-after", "") if response is not None else ""
    return min(LONGEST_WAIT, float(told)) if told.replace(".", "", 1).isdigit() else 0.0


@register("reader")
def endpoint(
    root: Path | None,
    *,
    model: str,
    base_url: str,
    max_new_tokens: int = 512,
    temperature: float = 0.0,
    timeout: float = 60.0,
    retries: int = 5,
    concurrency: int = 8,
    per_minute: float = 0.0,
    cache: str = "",
) -> EndpointReader:
    """A model behind an OpenAI-compatible endpoint, such as ``http://127.0.0.1:8000/v1``.

    ``timeout`` is in seconds for one try, ``per_minute`` limits the rate (0: none), ``cache`` is a
    file of JSON lines for replies (empty: none; it also fixes replies of a temperature above 0).
    The key is read from OPENAI_API_KEY. The tokens that were sent and written are counted, which is
    what the replies cost. Source: ours.
    """
    settings = EndpointSettings(
        model, base_url, max_new_tokens, temperature, timeout, retries, concurrency, per_minute
    )  # fmt: skip
    return EndpointReader(settings, Cache(Path(cache) if cache else None), root)
