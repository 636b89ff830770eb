"""The peer's side of benchmarks/step.py: TRL's trainers and `generate`, in an environment of their own."""

from __future__ import annotations

import io
import sys
import tempfile
from typing import Any

from pipe import Counter, Line, arguments, bias_end, questions, score

LINE = Line()

import torch  # noqa: E402
from PIL import Image  # noqa: E402
from transformers import (  # noqa: E402
    AutoTokenizer,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
    TrainerCallback,
)
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil  # noqa: E402

COMMON: dict[str, Any] = {
    "max_steps": 10_000, "learning_rate": 1e-6, "remove_unused_columns": False,
    "report_to": [], "save_strategy": "no", "logging_strategy": "no", "disable_tqdm": True,
}  # fmt: skip


def common(setting: dict[str, Any]) -> dict[str, Any]:
    """Settings of both trainers; weights are float32, as ours are, and `bf16` runs the forward passes."""
    return {
        **COMMON,
        "use_cpu": setting.get("device", "cpu") == "cpu",
        "bf16": setting.get("dtype") == "bfloat16",
        "model_init_kwargs": {"dtype": "float32"},
    }


class Processor(Qwen2_5_VLProcessor):
    """Without the video half, which wants torchvision."""

    def check_argument_for_proper_class(self, argument_name: str, argument: Any) -> Any:
        if argument_name == "video_processor":
            return type(None)
        return super().check_argument_for_proper_class(argument_name, argument)


def load_processor(folder: str) -> Processor:
    from transformers import PaddleOCRVLProcessor

    tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
    images = Qwen2VLImageProcessorPil.from_pretrained(folder)
    stored, _ = PaddleOCRVLProcessor.get_processor_dict(folder)
    template = stored.get("chat_template") or tokenizer.chat_template
    return Processor(images, tokenizer, video_processor=None, chat_template=template)


def opened(image: bytes) -> Image.Image:
    return Image.open(io.BytesIO(image)).convert("RGB")


class Steps(TrainerCallback):
    """Makes a trainer wait for each step to be asked for, and answer after it.

    The clock runs from the question to the end of the step, so that reading the batch is part of it.
    """

    def __init__(self, counter: Counter, seen: dict[str, int], setting: dict[str, Any]) -> None:
        self.counter, self.seen = counter, seen
        self.rollouts = setting.get("rollouts", 1)
        self.written = setting.get("prompts", 0) * self.rollouts * setting.get("tokens", 0)

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if not LINE.wait():
            sys.exit()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        real = self.seen["tokens"]
        # Each prompt stands in so many rows, and all rows were written to the limit.
        unique = (real - self.written) / self.rollouts + self.written
        LINE.answer(tokens=real, unique=unique, **self.counter.counts())
        self.counter.restart()
        self.seen["tokens"] = 0
        control.should_training_stop = not LINE.wait()


def follow(trainer: Any, tokenizer: Any, setting: dict[str, Any]) -> None:
    """Train step by step, as it is asked for; tokens are those of the training forwards without padding."""
    if "vision" in setting.get("freeze", ()):
        trainer.model.model.visual.requires_grad_(False)
    model, seen = trainer.model, {"tokens": 0}

    def see(_module: Any, args: Any, kwargs: Any) -> None:
        if torch.is_grad_enabled() and kwargs.get("attention_mask") is not None:
            seen["tokens"] += int(kwargs["attention_mask"].sum())

    model.register_forward_pre_hook(see, with_kwargs=True)
    bias_end(model, tokenizer, setting.get("end_bias", 0.0))
    trainer.add_callback(Steps(Counter(model), seen, setting))
    trainer.train()


def token_sum(completion_ids: Any, **_: Any) -> list[float]:
    return [score(ids) for ids in completion_ids]


def grpo(folder: str, setting: dict[str, Any]) -> None:
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    rows = [
        {"prompt": [{"role": "user", "content": question.text}], "image": opened(question.image)}
        for question in questions(setting)
    ]
    config = GRPOConfig(
        tempfile.mkdtemp(), **common(setting),
        per_device_train_batch_size=setting["prompts"] * setting["rollouts"],
        num_generations=setting["rollouts"],
        gradient_accumulation_steps=1,
        max_completion_length=setting["tokens"],
        beta=setting.get("beta", 0.0),
        top_k=0,
        gradient_checkpointing=setting.get("checkpointing", False),
    )  # fmt: skip
    processor = load_processor(folder)
    trainer = GRPOTrainer(
        folder, token_sum, config, train_dataset=Dataset.from_list(rows), processing_class=processor
    )
    follow(trainer, processor.tokenizer, setting)


def sft(folder: str, setting: dict[str, Any]) -> None:
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    rows = [
        {
            "prompt": [{"role": "user", "content": question.text}],
            "completion": [{"role": "assistant", "content": question.answer}],
            "image": opened(question.image),
        }
        for question in questions(setting)
    ]
    config = SFTConfig(
        tempfile.mkdtemp(), **common(setting),
        per_device_train_batch_size=8,  # the default
        gradient_accumulation_steps=setting["batch"] // 8,
        max_length=None,
        gradient_checkpointing=False,
    )  # fmt: skip
    processor = load_processor(folder)
    trainer = SFTTrainer(
        folder, config, train_dataset=Dataset.from_list(rows), processing_class=processor
    )
    follow(trainer, processor.tokenizer, setting)


def generate(folder: str, setting: dict[str, Any]) -> None:
    processor = load_processor(folder)
    dtype, device = setting.get("dtype", "float32"), setting.get("device", "cpu")
    model = (
        Qwen2_5_VLForConditionalGeneration.from_pretrained(folder, dtype=dtype).to(device).eval()
    )
    bias_end(model, processor.tokenizer, setting["end_bias"])
    asked = questions(setting)[: setting["prompts"]]
    chats = [
        [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question.text}]}]
        for question in asked
    ]
    texts = [processor.apply_chat_template(chat, add_generation_prompt=True) for chat in chats]
    images = [[opened(question.image)] for question in asked]
    inputs = processor(text=texts, images=images, padding=True, return_tensors="pt").to(device)
    pad = processor.tokenizer.pad_token_id
    number = 0
    while LINE.wait():
        number += 1
        torch.manual_seed(number)
        written = model.generate(
            **inputs, do_sample=True, top_k=0, max_new_tokens=setting["tokens"],
            num_return_sequences=setting["rollouts"],
        )  # fmt: skip
        LINE.answer(tokens=int((written[:, inputs["input_ids"].shape[1] :] != pad).sum()))


KINDS = {"grpo": grpo, "sft": sft, "generate": generate}

if __name__ == "__main__":
    folder, setting = arguments()
    KINDS[setting["kind"]](folder, setting)
