"""gnomon-micro: teach a new two-million-parameter Qwen2.5-VL to see, name and locate, not to reason.

Most of the data are conversations about one microworld scene: describe it, read a digit, name a colour, give
a box. Questions that need several steps are answered directly in a few turns, so that the model knows their
form and has room to learn.
"""

from __future__ import annotations

from gnomon.recipe import Evaluation, Model, Optimizer, Recipe, Scale, Sft, Use, ours


def gnomon_micro_base(scale: Scale) -> Recipe:
    """The base model of every micro recipe, from random weights."""
    return Recipe(
        name="gnomon-micro-base",
        description="Pretraining of the bundled base model on conversations about scenes.",
        scale=scale,
        seed=0,
        model=Model(path="new", architecture=Use("gnomon-micro")),
        stages=(
            Sft(
                name="pretrain",
                data=Use(
                    "microworld-chat",
                    split="train",
                    modality="mixed",
                    turns=ours(5),
                    describe=ours(0.8),
                    share_multi=ours(0.08),
                    size=10_000_000,
                ),
                format=Use("direct"),
                steps=ours(2400),
                batch_size=ours(48),
                pack_tokens=ours(288),
                max_tokens=288,
                optimizer=Optimizer(
                    learning_rate=Use("cosine", peak=ours(2e-3), warmup=100, floor=2e-5),
                    betas=(0.9, 0.98),
                    weight_decay=ours(0.05),
                ),
                save_every=100,
            ),
        ),
        evaluation=Evaluation(
            benchmarks=(
                Use("microworld-perception", items=1040),
                Use("microworld-reasoning", items=1024),
            ),
            format=Use("direct"),
            grader=Use("lenient"),
            max_new_tokens=48,
        ),
    )
