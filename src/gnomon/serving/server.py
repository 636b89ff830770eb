"""``gnomon serve``: a local model as an OpenAI-compatible chat-completions endpoint, on loopback.

Starlette routes and uvicorn serves (extra ``serve``). Only this machine is answered: the socket
binds to the loopback address, and requests whose Host names another are refused, so that a web page
cannot reach the model through a name that it controls.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from gnomon.serving.chat import MAX_BODY, Chat, Refused, read_chat

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request

    from gnomon.models.encode import Encoded
    from gnomon.serving.engine import Engine

HOST = "127.0.0.1"
ALLOWED = ["127.0.0.1", "localhost"]


class ServeError(RuntimeError):
    """A server that cannot start; the message says what to do."""


def make_app(engine: Engine, *, max_body: int = MAX_BODY) -> Starlette:
    """The application: /v1/chat/completions, /v1/models, /health."""
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.responses import JSONResponse, Response, StreamingResponse
    from starlette.routing import Route

    async def chat(request: Request) -> Response:
        try:
            asked = read_chat(await read_body(request, max_body))
            check_model(asked, engine)
            prompt = await run_in_threadpool(engine.encode, asked)
            if asked.stream:
                lines = event_lines(engine, asked, prompt)
                return StreamingResponse(lines, media_type="text/event-stream")
            return JSONResponse(await run_in_threadpool(completion, engine, asked, prompt))
        except Refused as error:
            return JSONResponse(error.body(), error.status)

    async def models(request: Request) -> Response:
        entry = {"id": engine.name, "object": "model", "created": 0, "owned_by": "gnomon"}
        return JSONResponse({"object": "list", "data": [entry]})

    async def health(request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    routes = [
        Route("/v1/chat/completions", chat, methods=["POST"]),
        Route("/v1/models", models),
        Route("/health", health),
    ]
    return Starlette(routes=routes, middleware=[Middleware(TrustedHostMiddleware, ALLOWED)])


async def read_body(request: Request, limit: int) -> dict[str, Any]:
    """The JSON object of a request; `Refused` past ``limit`` bytes, which are not read further."""
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise Refused(f"the request is larger than {limit} bytes", status=413)
        chunks.append(chunk)
    try:
        body = json.loads(b"".join(chunks))
    except (ValueError, RecursionError):
        raise Refused("the request's body is no JSON") from None
    if not isinstance(body, dict):
        raise Refused("the request's body is no JSON object")
    return body


def check_model(chat: Chat, engine: Engine) -> None:
    """Refuse what only shows together: several choices in one stream."""
    if chat.stream and chat.count > 1:
        raise Refused(f"n={chat.count} choices cannot be streamed; ask for one", "n")


def completion(engine: Engine, chat: Chat, prompt: Encoded) -> dict[str, Any]:
    """The body of a whole answer."""
    pieces = engine.complete(chat, prompt)
    choices = [
        {
            "index": index,
            "message": {"role": "assistant", "content": piece.text},
            "finish_reason": piece.finish,
            "logprobs": None,
        }
        for index, piece in enumerate(pieces)
    ]
    head = _head(engine, "chat.completion")
    return {**head, "choices": choices, "usage": _usage(prompt, sum(p.tokens for p in pieces))}


def event_lines(engine: Engine, chat: Chat, prompt: Encoded) -> Iterator[bytes]:
    """A streamed answer as server-sent events, the last one ``[DONE]``."""
    head = _head(engine, "chat.completion.chunk")
    tokens = 0
    yield _event({**head, "choices": [_delta({"role": "assistant", "content": ""}, None)]})
    for piece in engine.stream(chat, prompt):
        tokens += piece.tokens
        yield _event({**head, "choices": [_delta({"content": piece.text}, piece.finish)]})
    if chat.usage:
        yield _event({**head, "choices": [], "usage": _usage(prompt, tokens)})
    yield b"data: [DONE]\n\n"


def _delta(delta: dict[str, str], finish: str | None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}


def _event(body: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def _head(engine: Engine, kind: str) -> dict[str, Any]:
    name = f"chatcmpl-{uuid.uuid4().hex}"
    return {"id": name, "object": kind, "created": int(time.time()), "model": engine.name}


def _usage(prompt: Encoded, written: int) -> dict[str, int]:
    total = prompt.total + written
    return {"prompt_tokens": prompt.total, "completion_tokens": written, "total_tokens": total}


def serve(model: str, *, port: int = 8000, device: str | None = None) -> None:
    """Load a model and serve it on the loopback address until it is interrupted.

    ``model`` is a folder, a hub id or 'gnomon-micro'. Raises `ServeError` without the extra
    ``serve`` and when the port is taken, and `gnomon.models.load.ModelError` for such a model.
    """
    uvicorn = _uvicorn()
    _require_free(port)
    import torch

    from gnomon.models.load import load_policy
    from gnomon.serving.engine import Engine

    chosen = device or ("cuda" if torch.cuda.is_available() else "cpu")
    policy = load_policy(model, device=chosen)
    policy.model.eval()
    config = server_config(uvicorn, make_app(Engine(policy, model)), port)
    uvicorn.Server(config).run()


def server_config(uvicorn: Any, app: Starlette, port: int) -> Any:
    """How uvicorn serves: loopback, HTTP/1.1 alone, no access log."""
    return uvicorn.Config(
        app, host=HOST, port=port, http="h11", ws="none", lifespan="off", log_level="warning"
    )


def _uvicorn() -> Any:
    try:
        import starlette  # noqa: F401 - both are needed
        import uvicorn
    except ImportError:
        raise ServeError(
            "serving needs starlette and uvicorn: pip install 'gnomon[serve]'"
        ) from None
    return uvicorn


def _require_free(port: int) -> None:
    import socket

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError) as error:
            raise ServeError(f"port {port} cannot be used ({error}); give another --port") from None
