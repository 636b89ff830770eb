"""Skywork-R1V3: a small cold start, on-policy RL of all modules, then the connector alone.

arXiv 2507.06167; no training code exists. The report trains InternVL3-38B, which this version does
not load: full scale has Qwen2.5-VL-7B-Instruct. There a model verifies what the rule refuses; at
micro scale the rule alone decides. The early stop on a validation loss is left out. The entropy of
critical tokens is measured whenever RL saves, and the checkpoint that is best by it is kept; the
connector is tuned from the last one.
"""

from __future__ import annotations

from typing import Any

from gnomon.recipe import Recipe, Reward, Sampling, Scale, Use, ours, paper
from gnomon.recipes.grpo import (
    accuracy_and_format,
    asked,
    full,
    full_rl,
    micro,
    micro_cold_start,
    micro_rl,
    records,
    steady,
    warmed,
    worked_examples,
    world,
)
from gnomon.recipes.rewarded import judge

NAME = "skywork-r1v3"
DESCRIPTION = "Small cold start, on-policy RL, connector-only tuning (arXiv 2507.06167)."
FORM = Use("think-boxed")
VERIFIER = "Qwen/Qwen2.5-32B-Instruct"


def _method() -> dict[str, Any]:
    """What both scales share; made when asked, because naming a reward imports its module."""
    return {
        "advantage": Use("grpo", bias=ours("unbiased"), epsilon=ours(1e-6)),
        "loss": Use("ppo-clip", clip_low=paper(0.2), clip_high=paper(0.2)),
        "rollouts": paper(32),
        "updates": paper(1),
        "callbacks": (Use("critical-entropy", lexicon=ours(("wait", "alternatively", "hmm"))),),
    }


def _ruled() -> tuple[Reward, ...]:
    return accuracy_and_format("think-boxed", paper(0.8), paper(0.2))


def _verified() -> tuple[Reward, ...]:
    """A right answer by rule or by a model, the layout, and where rule and model differ."""
    _, layout = _ruled()
    reader = judge(VERIFIER)
    either = Reward(part=Use("rule-or-verifier"), weight=paper(0.8), reader=reader)
    apart = Reward(part=Use("verifier-disagreement"), weight=ours(0.0), reader=reader)
    return either, layout, apart


def skywork_r1v3(scale: Scale) -> Recipe:
    """The three stages; the connector is trained in every one of them."""
    return {"micro": _micro, "full": _full}[scale]()


def _micro() -> Recipe:
    connector = micro_cold_start(
        FORM,
        name="connector",
        data=world(answers="none"),
        modality="image",
        steps=ours(60),
        optimizer=warmed(ours(4e-4), paper(0.03)),
        freeze=paper(("tower", "language", "embeddings", "head")),
    )
    stage = micro_rl(FORM, steps=ours(80), prompts=ours(4), rewards=_ruled(), **_method())
    return micro(NAME, DESCRIPTION, micro_cold_start(FORM, steps=ours(200)), stage, connector)


def _full() -> Recipe:
    start = worked_examples(
        NAME,
        modality="image",
        steps=ours(375),
        batch_size=ours(32),
        max_tokens=ours(16384),
        micro_batch_tokens=ours(16384),
        optimizer=warmed(ours(1e-5), ours(0.03)),
    )
    stage = full_rl(
        records(NAME, "rl", columns={"problem": "question"}),
        FORM,
        grader=Use("math-verify"),
        prompts=paper(32),
        sampling=Sampling(max_new_tokens=paper(8192)),
        optimizer=steady(paper(1e-6)),
        steps=ours(500),
        max_tokens=ours(4096),
        rewards=_verified(),
        **_method(),
    )
    connector = worked_examples(
        NAME,
        "connector",
        name="connector",
        modality="image",
        steps=ours(312),
        batch_size=paper(64),
        max_tokens=paper(16384),
        micro_batch_tokens=ours(16384),
        freeze=paper(("tower", "language", "embeddings", "head")),
        optimizer=warmed(paper(1e-5), paper(0.03)),
    )
    named = {"columns": {"problem": "question"}, "samples": paper(5), "temperature": paper(1.0)}
    evaluation = asked(NAME, FORM, Use("math-verify"), paper(16384), **named)
    return full(NAME, DESCRIPTION, start, stage, connector, evaluation=evaluation)
