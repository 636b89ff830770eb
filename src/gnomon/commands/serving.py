"""``gnomon generate`` and ``gnomon serve``: ask a model, or let others ask it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gnomon.commands.options import FormatOption, ModelArgument
from gnomon.commands.terminal import console, say


def generate_command(
    model: ModelArgument,
    question: Annotated[str, typer.Argument(help="What to ask.")],
    image: Annotated[Path | None, typer.Option(help="The image to ask about.")] = None,
    audio: Annotated[Path | None, typer.Option(help="The sound to ask about.")] = None,
    format: FormatOption = None,
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Longest response.")] = 256,
    temperature: Annotated[float, typer.Option(min=0, help="0 is greedy.")] = 0.0,
) -> None:
    """Ask a model one question and print its response."""
    with console(stderr=True).status(f"asking {model}"):
        from gnomon.models.generate import generate

        response = generate(
            model,
            question,
            image,
            audio=audio,
            format=format,
            max_new_tokens=max_new_tokens,
            temperature=temperature,
        )
    say(response)


def serve_command(
    model: ModelArgument,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on 127.0.0.1.")] = 8000,
) -> None:
    """Serve a model to this machine as an OpenAI-compatible endpoint."""
    from gnomon.serving.server import HOST, serve

    say(f"Serving {model} at http://{HOST}:{port}/v1 (Ctrl-C ends it)")
    serve(model, port=port)
