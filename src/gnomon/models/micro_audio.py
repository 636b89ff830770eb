"""gnomon-micro-audio: a real Qwen2-Audio of a million parameters with its own tokenizer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from gnomon.media.audio import RATE
from gnomon.models.micro import train_tokenizer
from gnomon.parts import part, register

SPECIAL_TOKENS = {
    "pad": "<|endoftext|>",
    "start": "<|im_start|>",
    "end": "<|im_end|>",
    "audio_start": "<|audio_bos|>",
    "audio_end": "<|audio_eos|>",
    "audio": "<|AUDIO|>",
}
ROLES = {
    "audio_token": "audio",
    "audio_bos_token": "audio_start",
    "audio_eos_token": "audio_end",
    "turn_token": "start",
}
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{% if message.content is string %}{{ message.content }}{% else %}"
    "{% for block in message.content %}"
    "{% if block.type == 'audio' %}<|audio_bos|><|AUDIO|><|audio_eos|>"
    "{% else %}{{ block.text }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
WINDOW = 5
"""Seconds that the tower hears at most: what the tasks of the world of sound take."""
BANDS, SPECTRUM, HOP = 128, 1024, 320
"""Bands of the spectrogram, samples of its Fourier transform, and from frame to frame.

Qwen2-Audio has 128 bands over 400 samples, whose frequencies are 40 Hz apart, which do not tell the
low tones of a chord from one another; over 1,024 they are 16 Hz apart. With a frame every 20 ms
instead of 10 a second of sound is 12.5 tokens, which halves what it costs.
"""


SPREAD = 0.08
"""Standard deviation of the tower's first weights, twice that of the language model's (ours): with
the usual 0.02 hardly anything of a sound would come through convolutions of 96 channels beside
positions of size 1, nor through layers of width 128."""


def make_audio_processor(tokenizer: Any, *, seconds: int = WINDOW) -> Any:
    """A `Qwen2AudioProcessor` that hears ``seconds`` at most, in 50 frames a second."""
    from transformers import Qwen2AudioProcessor, WhisperFeatureExtractor

    sounds = WhisperFeatureExtractor(
        feature_size=BANDS,
        n_fft=SPECTRUM,
        hop_length=HOP,
        chunk_length=seconds,
        return_attention_mask=True,
    )
    return Qwen2AudioProcessor(sounds, tokenizer, chat_template=CHAT_TEMPLATE)


@register("architecture")
def gnomon_micro_audio(
    seed: int,
    *,
    vocabulary: int = 512,
    texts: int = 600,
    hidden: int = 128,
    layers: int = 4,
    heads: int = 4,
    key_value_heads: int = 2,
    intermediate: int = 256,
    audio_hidden: int = 96,
    audio_layers: int = 3,
) -> tuple[Any, Any]:
    """A new Qwen2-Audio of about one million parameters and its processor, from scratch.

    The tokenizer is trained on ``texts`` samples of talk about sounds and has at most
    ``vocabulary`` tokens. Attention heads have ``hidden / heads`` dimensions, those of the tower
    32. Returns model and processor; the same ``seed`` gives the same weights. Source: ours.
    """
    tokenizer = train_tokenizer(
        sound_text(texts), vocabulary=vocabulary, special=SPECIAL_TOKENS, roles=ROLES
    )
    model = make_audio_model(
        tokenizer,
        seed=seed,
        text={
            "hidden_size": hidden,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "num_key_value_heads": key_value_heads,
            "intermediate_size": intermediate,
        },
        audio={"d_model": audio_hidden, "encoder_layers": audio_layers},
    )
    return model, make_audio_processor(tokenizer)


def sound_text(count: int) -> Iterator[str]:
    """Training text of the world of sound: talk, and worked answers in every format."""
    formats = [part("format", name)() for name in ("answer-only", "think-answer", "think-boxed")]
    chats = part("source", "sound-chat", split="train")()
    worked = part("source", "world", world="sound", tasks=TOLD, split="train")()
    for index in range(count // 2):
        for message in chats[index].messages:
            yield f"{message.role}\n{message.text}"
        sample, style = worked[index], formats[index % len(formats)]
        yield f"system\n{style.instruction}"
        yield f"user\n{sample.messages[0].text}"
        yield style.render(sample.meta["thought"], sample.meta["answer_text"])


TOLD = [
    "count", "what", "higher", "loudest", "longest", "overlap", "chord", "rhythm", "order", "scale",
]  # fmt: skip
"""The tasks that every machine has, so that the tokenizer is the same everywhere."""


def make_audio_model(
    tokenizer: Any,
    *,
    seed: int,
    text: dict[str, int],
    audio: dict[str, int],
    seconds: int = WINDOW,
) -> Any:
    """A new `Qwen2AudioForConditionalGeneration` in float32, the same for the same ``seed``.

    ``text`` and ``audio`` are fields of the two halves of its configuration. The tower's positions
    are Whisper's sinusoids (arXiv 2212.04356), which stay as they are in training.
    """
    from transformers import Qwen2AudioConfig, Qwen2AudioForConditionalGeneration

    ids = {name: tokenizer.convert_tokens_to_ids(token) for name, token in SPECIAL_TOKENS.items()}
    places = seconds * RATE // HOP // 2
    config = Qwen2AudioConfig(
        text_config=text
        | {
            "model_type": "qwen2",
            "vocab_size": len(tokenizer),
            "max_position_embeddings": 4096,
            "eos_token_id": ids["end"],
            "pad_token_id": ids["pad"],
            "bos_token_id": None,
            "rope_parameters": {"rope_type": "default", "rope_theta": 10_000.0},
            "initializer_range": SPREAD / 2,
        },
        audio_config=audio
        | {
            "model_type": "qwen2_audio_encoder",
            "num_mel_bins": BANDS,
            "max_source_positions": places,
            "encoder_attention_heads": audio["d_model"] // 32,
            "encoder_ffn_dim": audio["d_model"] * 2,
            "initializer_range": SPREAD,
        },
        audio_token_index=ids["audio"],
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Qwen2AudioForConditionalGeneration(config)
    with torch.no_grad():
        model.model.audio_tower.embed_positions.weight.copy_(sinusoids(places, audio["d_model"]))
    return model


def sinusoids(places: int, width: int) -> Tensor:
    """Whisper's positions [places, width]: sines, then cosines, of wavelengths 2 pi to 20,000 pi.

    The longest wavelength is Whisper's for 1,500 places, whatever their number here.
    """
    half = width // 2
    rate = torch.exp(-torch.log(torch.tensor(10_000.0)) / (half - 1) * torch.arange(half))
    angle = torch.arange(places)[:, None] * rate
    return torch.cat([angle.sin(), angle.cos()], dim=1)
