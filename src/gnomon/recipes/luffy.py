"""LUFFY: one teacher's trace in every group of rollouts, with a shaped gradient and no clip.

arXiv 2504.14945, and the released code ElliottYan/LUFFY. The paper trains Qwen2.5-Math, which this
version does not load: full scale reads the same text data with Qwen2.5-VL-7B-Instruct. A trace is
given whole, as in the paper's run; ``demonstrations.prefix`` gives the beginning alone.
"""

from __future__ import annotations

from typing import Any

from gnomon.recipe import (
    Demonstrations,
    Recipe,
    Regulariser,
    Reward,
    Sampling,
    Scale,
    Use,
    ours,
    paper,
)
from gnomon.recipes.grpo import asked, full, full_rl, micro, micro_rl, records, steady, world

NAME = "luffy"
DESCRIPTION = "A teacher's trace in every group, its gradient shaped (arXiv 2504.14945)."
FORM = Use("think-boxed")


def _method() -> dict[str, Any]:
    """What both scales share; made when asked, because naming a reward imports its module."""
    return {
        "advantage": Use("dr-grpo"),
        "loss": Use("luffy", shaping=paper("ratio"), constant=paper(0.1)),
        "rewards": (Reward(part=Use("luffy-verifier", opened=ours(False)), weight=paper(1.0)),),
        "rollouts": paper(8),
        "demonstrations": Demonstrations(count=paper(1), verified=paper(True)),
        "modality": "text",
        "regularisers": (
            Regulariser(
                part=Use("entropy-bonus"),
                coefficient=Use("constant", value=paper(0.01)),
                aggregate=Use("token-mean"),
            ),
        ),
    }


def luffy(scale: Scale) -> Recipe:
    """Seven rollouts and one trace for each question; ``micro`` has the worlds' worked chains."""
    return {"micro": _micro, "full": _full}[scale]()


def over_width(tokens: Any) -> Use:
    """The sum over all tokens, divided by the longest response and not by the rollouts."""
    return Use("seq-mean-token-sum-norm", length=tokens)


def _micro() -> Recipe:
    # The sum over the 64 rollouts of an update grows with them; this width makes it their mean.
    stage = micro_rl(
        FORM,
        data=world("text", answers="demonstrated"),
        aggregate=over_width(ours(112 * 64)),
        updates=paper(2),
        **_method(),
    )
    return micro(NAME, DESCRIPTION, stage)


def _full() -> Recipe:
    stage = full_rl(
        records(NAME),
        FORM,
        grader=Use("math-verify"),
        aggregate=over_width(paper(8192)),
        prompts=paper(128),
        updates=paper(2),
        sampling=Sampling(max_new_tokens=paper(8192), temperature=paper(1.0)),
        optimizer=steady(paper(1e-6)),
        steps=paper(500),
        max_tokens=paper(1024),
        **_method(),
    )
    evaluation = asked(
        NAME, FORM, Use("math-verify"), paper(8192), samples=paper(32), temperature=paper(0.6)
    )
    return full(NAME, DESCRIPTION, stage, evaluation=evaluation)
