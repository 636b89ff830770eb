from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

# Fixtures import what they need, so that tests without a model do not wait for torch.
if TYPE_CHECKING:
    from gnomon.models.encode import Encoder
    from gnomon.models.policy import Policy
    from gnomon.records import Media

# The first tensor operation of a busy machine can take longer than hypothesis allows one example.
settings.register_profile("busy-machine", deadline=None)
settings.load_profile("busy-machine")

TEXTS = (
    "How many circles are red? Think in <think></think>, then answer in \\boxed{}.",
    "user\nWhat is the colour of the square?\nassistant\nThe square is blue.",
    "<think> There are two circles and one square. </think> \\boxed{3}",
    "1.\n\n2.\n\n3.\n\n",
)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a random model of the gnomon-micro kind."""
    import torch

    from gnomon.models.load import quiet_transformers
    from gnomon.models.micro import make_model, make_processor, save_micro, train_tokenizer

    folder = tmp_path_factory.mktemp("tiny")
    tokenizer = train_tokenizer(TEXTS, vocabulary=400)
    text = {
        "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
        "num_attention_heads": 2, "num_key_value_heads": 1,
    }  # fmt: skip
    model = make_model(tokenizer, seed=0, text=text, vision={"hidden_size": 32, "depth": 1})
    with torch.no_grad():
        for parameter in model.parameters():
            # Initial weights are so small that attention hardly depends on positions or content.
            if parameter.ndim > 1:
                parameter.mul_(6.0)
    with quiet_transformers():
        save_micro(folder, model, make_processor(tokenizer))
    return folder


@pytest.fixture(scope="session")
def tiny_policy(tiny_folder: Path) -> Policy:
    """The tiny model, to be left as it is."""
    from gnomon.models.load import load_policy

    return load_policy(str(tiny_folder))


@pytest.fixture
def fresh_policy(tiny_policy: Policy) -> Policy:
    """The tiny model, to be changed at will."""
    from gnomon.models.policy import Policy

    model = copy.deepcopy(tiny_policy.core)
    return Policy(model, model, copy.deepcopy(tiny_policy.processor))


@pytest.fixture(scope="session")
def tiny_encoder(tiny_policy: Policy) -> Encoder:
    """Encodes for the tiny model."""
    from gnomon.models.encode import Encoder

    return Encoder(tiny_policy.processor, max_tokens=512)


@pytest.fixture(scope="session")
def paint() -> Callable[..., Media]:
    """Makes an image of one colour, with a dot so that its patches differ."""
    from PIL import Image

    from gnomon.media.image import png_bytes
    from gnomon.records import Media

    def make(colour: str = "red", width: int = 56, height: int = 56) -> Media:
        image = Image.new("RGB", (width, height), colour)
        image.paste("white", (width // 4, height // 4, width // 2, height // 2))
        return Media("image", data=png_bytes(image))

    return make


@pytest.fixture(scope="session")
def film() -> Callable[..., Media]:
    """Makes a video whose frames differ, two a second."""
    import numpy as np

    from gnomon.media.mp4 import write_mp4
    from gnomon.records import Media

    def make(frames: int = 4, side: int = 28) -> Media:
        levels = np.linspace(20, 220, frames).astype(np.uint8)
        pixels = np.broadcast_to(levels[:, None, None, None], (frames, side, side, 3)).copy()
        pixels[:, : side // 2, : side // 2, 0] = 255
        return Media("video", data=write_mp4(pixels, 2))

    return make


@pytest.fixture(scope="session")
def served(tiny_policy: Policy) -> Iterator[str]:
    """Address of a server of the tiny model that answers over HTTP."""
    import socket
    import threading
    import time

    import uvicorn

    from gnomon.serving.engine import Engine
    from gnomon.serving.server import HOST, make_app, server_config

    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    app = make_app(Engine(tiny_policy, "tiny"), max_body=200_000)
    server = uvicorn.Server(server_config(uvicorn, app, port))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    yield f"http://{HOST}:{port}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="session")
def tiny_hearing_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a random model of the gnomon-micro-audio kind, which hears four seconds."""
    import torch

    from gnomon.models.load import quiet_transformers
    from gnomon.models.micro import save_micro, train_tokenizer
    from gnomon.models.micro_audio import (
        ROLES,
        SPECIAL_TOKENS,
        make_audio_model,
        make_audio_processor,
    )

    folder = tmp_path_factory.mktemp("tiny-hearing")
    tokenizer = train_tokenizer(TEXTS, vocabulary=400, special=SPECIAL_TOKENS, roles=ROLES)
    text = {
        "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
        "num_attention_heads": 2, "num_key_value_heads": 1,
    }  # fmt: skip
    model = make_audio_model(
        tokenizer, seed=0, text=text, audio={"d_model": 32, "encoder_layers": 1}, seconds=4
    )
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1 and ".audio_tower." not in name:
                parameter.mul_(6.0)
    with quiet_transformers():
        save_micro(folder, model, make_audio_processor(tokenizer, seconds=4))
    return folder


@pytest.fixture(scope="session")
def tiny_hearing(tiny_hearing_folder: Path) -> Policy:
    """The tiny model that hears, to be left as it is."""
    from gnomon.models.load import load_policy

    return load_policy(str(tiny_hearing_folder))


@pytest.fixture
def fresh_hearing(tiny_hearing: Policy) -> Policy:
    """The tiny model that hears, to be changed at will."""
    from gnomon.models.policy import Policy

    model = copy.deepcopy(tiny_hearing.core)
    return Policy(model, model, copy.deepcopy(tiny_hearing.processor))


@pytest.fixture(scope="session")
def play() -> Callable[..., Media]:
    """Makes a sound of some samples: a tone of a pitch in faint noise."""
    import numpy as np

    from gnomon.media.audio import RATE, write_wav
    from gnomon.records import Media

    def make(pitch: float = 440.0, samples: int = RATE) -> Media:
        noise_T = np.random.default_rng(0).uniform(-0.01, 0.01, samples)
        tone_T = 0.5 * np.sin(2 * np.pi * pitch / RATE * np.arange(samples))
        return Media("audio", data=write_wav(tone_T + noise_T))

    return make
