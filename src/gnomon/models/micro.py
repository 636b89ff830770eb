"""gnomon-micro: a real Qwen2.5-VL of a few million parameters with a tokenizer of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from gnomon.parts import part, register

SPECIAL_TOKENS = {
    "pad": "<|endoftext|>",
    "start": "<|im_start|>",
    "end": "<|im_end|>",
    "vision_start": "<|vision_start|>",
    "vision_end": "<|vision_end|>",
    "image": "<|image_pad|>",
    "video": "<|video_pad|>",
}
ROLES = {
    "image_token": "image",
    "video_token": "video",
    "vision_bos_token": "vision_start",
    "vision_eos_token": "vision_end",
    "turn_token": "start",
}
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{% if message.content is string %}{{ message.content }}{% else %}"
    "{% for block in message.content %}"
    "{% if block.type == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% else %}{{ block.text }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
WORD_PATTERN = (
    r" ?\p{Lu}(?!\p{Ll})|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""Qwen's split with digits and capitals alone, so that reading a word means reading its letters."""


def train_tokenizer(
    texts: Iterable[str],
    *,
    vocabulary: int,
    special: Mapping[str, str] = SPECIAL_TOKENS,
    roles: Mapping[str, str] = ROLES,
) -> Any:
    """Byte-level BPE tokenizer of at most ``vocabulary`` tokens, ``special`` ones first.

    ``special`` holds at least ``pad``, ``start`` and ``end``; ``roles`` gives some of them the
    names by which a processor asks for them.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(WORD_PATTERN), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(special.values()),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=special["end"],
        pad_token=special["pad"],
        extra_special_tokens={role: special[name] for role, name in roles.items()},
    )


def make_processor(tokenizer: Any, *, max_pixels: int = 28 * 28 * 256) -> Any:
    """Processor of images and text that needs no torchvision.

    `Qwen2_5_VLProcessor` insists on a video processor and that on torchvision.
    `PaddleOCRVLProcessor` does the same for an image processor and a tokenizer alone, and
    `AutoProcessor` loads it in any process.
    """
    from transformers import PaddleOCRVLProcessor
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    images = Qwen2VLImageProcessorPil(
        size={"shortest_edge": 28 * 28, "longest_edge": max_pixels},
    )
    return PaddleOCRVLProcessor(images, tokenizer, chat_template=CHAT_TEMPLATE)


def processor_without_video(folder: str) -> Any:
    """The processor of a Qwen2.5-VL folder where torchvision, and so its video half, is missing."""
    from transformers import AutoTokenizer, PaddleOCRVLProcessor
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.image_token = SPECIAL_TOKENS["image"]
    tokenizer.image_token_id = tokenizer.convert_tokens_to_ids(SPECIAL_TOKENS["image"])
    images = Qwen2VLImageProcessorPil.from_pretrained(folder)
    # Older folders keep the template in a file that only processors read.
    stored, _ = PaddleOCRVLProcessor.get_processor_dict(folder)
    template = stored.get("chat_template") or tokenizer.chat_template
    return PaddleOCRVLProcessor(images, tokenizer, chat_template=template)


@register("architecture")
def gnomon_micro(
    seed: int,
    *,
    vocabulary: int = 640,
    texts: int = 4000,
    hidden: int = 192,
    layers: int = 4,
    heads: int = 6,
    key_value_heads: int = 2,
    intermediate: int = 384,
    vision_hidden: int = 96,
    vision_layers: int = 4,
) -> tuple[Any, Any]:
    """A new Qwen2.5-VL of about two million parameters and its processor, from scratch.

    The tokenizer is trained on ``texts`` samples of the worlds' training text and has at most
    ``vocabulary`` tokens. Attention heads have ``hidden / heads`` dimensions, those of the vision
    tower 32. Returns model and processor; the same ``seed`` gives the same weights. Source: ours.
    """
    tokenizer = train_tokenizer(world_text(texts), vocabulary=vocabulary)
    model = make_model(
        tokenizer,
        seed=seed,
        text={
            "hidden_size": hidden,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "num_key_value_heads": key_value_heads,
            "intermediate_size": intermediate,
        },
        vision={"hidden_size": vision_hidden, "depth": vision_layers},
    )
    return model, make_processor(tokenizer)


def world_text(count: int) -> Iterator[str]:
    """Training text of the worlds: talk about scenes, and worked reasoning in every format."""
    from gnomon.worlds.questions import multi_step_tasks

    formats = [part("format", name)() for name in ("think-boxed", "think-answer")]
    chats = part("source", "microworld-chat", modality="text", split="train")()
    tasks = [*multi_step_tasks(), "arithmetic", "logic"]
    worked = part("source", "microworld", tasks=tasks, modality="text", split="train")()
    for index in range(count // 2):
        for message in chats[index].messages:
            yield f"{message.role}\n{message.text}"
        sample, style = worked[index], formats[index % len(formats)]
        yield f"system\n{style.instruction}"
        yield f"user\n{sample.messages[0].text}"
        yield style.render(sample.meta["thought"], sample.meta["answer_text"])


def worlds_text(count: int) -> Iterator[str]:
    """Training text of all worlds in turn, a third of it of the microworld."""
    from numpy.random import default_rng

    from gnomon.worlds.world import LEVELS, draw_posed, tasks_of, worlds

    tasks = [task for world in worlds() for task in tasks_of(world).values()]
    yield from world_text(count // 3)
    for index in range(count - count // 3):
        task, level = tasks[index % len(tasks)], LEVELS[index // len(tasks) % len(LEVELS)]
        posed = draw_posed(task, default_rng([0, index]), level, "train")
        yield f"user\n{posed.text.replace('<image>', '')}"
        yield f"assistant\n{posed.thought}\n{posed.answer_text}"


def make_model(tokenizer: Any, *, seed: int, text: dict[str, int], vision: dict[str, int]) -> Any:
    """A new `Qwen2_5_VLForConditionalGeneration` in float32, the same for the same ``seed``.

    ``text`` and ``vision`` are fields of the two halves of its configuration.
    """
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    ids = {name: tokenizer.convert_tokens_to_ids(token) for name, token in SPECIAL_TOKENS.items()}
    rope = {
        "rope_type": "default",
        "rope_theta": 10_000.0,
        "mrope_section": mrope_section(text["hidden_size"] // text["num_attention_heads"]),
    }
    config = Qwen2_5_VLConfig(
        text_config=text
        | {
            "vocab_size": len(tokenizer),
            "max_position_embeddings": 4096,
            "tie_word_embeddings": True,
            "eos_token_id": ids["end"],
            "pad_token_id": ids["pad"],
            "bos_token_id": None,
            "rope_parameters": rope,
        },
        vision_config=vision
        | {
            "num_heads": vision["hidden_size"] // 32,
            "intermediate_size": vision["hidden_size"] * 2,
            "out_hidden_size": text["hidden_size"],
            "fullatt_block_indexes": list(range(vision["depth"])),
        },
        image_token_id=ids["image"],
        video_token_id=ids["video"],
        vision_start_token_id=ids["vision_start"],
        vision_end_token_id=ids["vision_end"],
        tie_word_embeddings=True,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Qwen2_5_VLForConditionalGeneration(config)


def mrope_section(head: int) -> list[int]:
    """Rotary frequencies for time, height and width: 2:3:3, as Qwen2.5-VL's 16, 24, 24 of 64.

    >>> mrope_section(32)
    [4, 6, 6]
    """
    side = head // 2 * 3 // 8
    return [head // 2 - 2 * side, side, side]


def save_micro(folder: Path, model: Any, processor: Any) -> None:
    """Write model and processor as one ordinary Hugging Face folder."""
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
