"""Critical tokens: which they are, their entropy, and the checkpoint that is best by it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.checkpoint import list_checkpoints
from gnomon.models.policy import Policy
from gnomon.parts import forget, part, register
from gnomon.recipe import (
    Evaluation,
    Model,
    Optimizer,
    Recipe,
    Reinforce,
    Reward,
    Sampling,
    Use,
)
from gnomon.rl.callbacks import call_back
from gnomon.rl.critical import LEXICON, bare, begins_word, is_critical, rank, reflection
from gnomon.training import train
from gnomon.watch import Watcher
from rl_steps import Open, stage_of

seen = SimpleNamespace()


@pytest.fixture(autouse=True)
def leaves_no_parts() -> Iterator[None]:
    seen.best = {}
    yield
    forget(__name__)


@pytest.mark.parametrize("token", ["Wait", " wait", "Wait,", "HMM...", "\u201cAlternatively\u201d"])
def test_a_word_of_the_lexicon_is_critical_with_space_case_and_marks(token: str) -> None:
    assert is_critical(token)


@pytest.mark.parametrize("token", ["waiting", "wa", "", " ", "...", "await", "wait wait"])
def test_other_tokens_are_not(token: str) -> None:
    assert not is_critical(token)


def test_the_entropy_is_the_mean_over_critical_tokens_alone() -> None:
    found = reflection(["Wait", " two", "hmm", "."], [2.0, 9.0, 1.0, 0.0])
    assert (found.critical, found.occurrences) == (1.5, 2)
    assert (found.high, found.entropy) == (0.25, 3.0)


def test_the_worked_entropy_of_critical_tokens() -> None:
    tokens = ["The", "Wait", ",", " so", " alternatively"]
    assert reflection(tokens, [0.1, 2.0, 0.3, 0.2, 1.0]).critical == 1.5


@pytest.mark.parametrize(
    ("scores", "best"),
    [
        ({50: 1.2, 100: 1.5, 150: 1.4}, [100]),
        ({50: None, 100: 1.5, 150: 1.5}, [150]),
        ({50: None, 100: None, 150: None}, []),
    ],
)
def test_the_worked_choices_of_a_checkpoint(
    scores: dict[int, float | None], best: list[int]
) -> None:
    assert rank(scores)[:1] == best


def test_a_lower_mean_entropy_selects_nothing() -> None:
    """It falls for all checkpoints: here the one with the higher mean reflects with less."""
    tokens = ["Wait", " so"]
    early, late = reflection(tokens, [1.2, 5.0]), reflection(tokens, [1.5, 0.1])
    assert early.entropy > late.entropy
    assert rank({50: early.critical, 100: late.critical}) == [100, 50]


# -- words of several tokens ----------------------------------------------------------------------

SPLIT = ["Hmm", ",", " Altern", "atively", " so"]
SPREAD = [1.0, 0.3, 2.0, 0.0, 0.2]


def test_a_word_that_is_split_over_tokens_is_missed_by_the_test_of_each() -> None:
    found = reflection(SPLIT, SPREAD)
    assert (found.critical, found.occurrences) == (1.0, 1)


def test_with_words_a_split_word_counts_with_its_first_token() -> None:
    found = reflection(SPLIT, SPREAD, words=True)
    assert (found.critical, found.occurrences) == (1.5, 2)


@pytest.mark.parametrize(
    ("tokens", "found"),
    [
        ([" wait", "ing"], [False, False]),
        (["a", "wait"], [False, False]),
        (["", "W", "", "AIT", "!"], [False, True, False, False, False]),
        (["so, wait", " then"], [True, False]),
        (["wait wait"], [True]),
        (["\u0130", " wait"], [False, True]),
        ([], []),
    ],
)
def test_a_word_is_whole_in_the_joined_text(tokens: list[str], found: list[bool]) -> None:
    assert begins_word(tokens) == found


def test_no_word_begins_without_a_lexicon() -> None:
    assert begins_word(["wait"], ()) == [False]
    assert begins_word(["wait"], ("",)) == [False]


def test_no_word_goes_on_in_the_next_response() -> None:
    tokens, entropies = ["so wa", "it is"], [1.0, 2.0]
    assert reflection(tokens, entropies, words=True).critical == 1.0
    assert reflection(tokens, entropies, words=True, sizes=[1, 1]).critical is None


@given(st.lists(st.sampled_from([*LEXICON, "Two", "one"]), max_size=9))
def test_words_apart_are_found_by_both_tests(tokens: list[str]) -> None:
    apart, entropies = [f" {token}" for token in tokens], [float(n) for n, _ in enumerate(tokens)]
    assert reflection(apart, entropies) == reflection(apart, entropies, words=True)


# -- checkpoints ----------------------------------------------------------------------------------


def test_the_threshold_of_a_high_entropy_is_strict() -> None:
    assert reflection(["a", "b"], [6.8, 6.9]).high == 0.5


def test_without_a_critical_token_there_is_no_critical_entropy() -> None:
    assert reflection(["two"], [1.0]).critical is None
    assert reflection([], []).critical is None


@given(st.lists(st.tuples(st.sampled_from([*LEXICON, "two"]), st.floats(0, 9)), max_size=9),
       st.randoms())  # fmt: skip
def test_the_order_of_tokens_does_not_matter(pairs: Any, draw: Any) -> None:
    shuffled = list(pairs)
    draw.shuffle(shuffled)
    one, other = (reflection(*zip(*each, strict=True)) if each else reflection([], [])
                  for each in (pairs, shuffled))  # fmt: skip
    assert one.critical == other.critical
    assert one.entropy == other.entropy


def test_the_highest_is_first_and_a_tie_goes_to_the_later_one() -> None:
    assert rank({100: 1.0, 200: 1.92, 300: 1.92, 400: None}) == [300, 200, 100]


def test_a_checkpoint_without_a_critical_token_is_left_out() -> None:
    assert rank({100: None}) == []


def test_the_callback_ranks_each_step_among_those_before(
    open_stage: Open, tiny_policy: Policy
) -> None:
    """Every token of the tiny model is made critical, so that each step has an entropy."""
    words = {bare(tiny_policy.processor.tokenizer.decode([token])) for token in range(400)}
    use = Use("critical-entropy", items=2, lexicon=tuple(words - {""}))
    stage = stage_of(callbacks=(use,), rewards=(Reward(part=Use("accuracy"), weight=1.0),))
    context = open_stage(stage)
    for step in (1, 2):
        context.step = step
        values = call_back(stage, context, {})
    memory = context.remembered("callbacks.0.critical-entropy")
    assert set(memory["critical"]) == {"1", "2"}
    assert memory["critical"]["1"] == memory["critical"]["2"]  # the same questions and draws
    assert (values["critical/rank"], memory["best"]) == (1.0, [2])
    assert values["critical/entropy"] > 0
    assert values["critical/tokens"] <= values["critical/length"] * 2


def test_checkpoints_are_compared_at_temperature_one_and_on_the_full_vocabulary(
    open_stage: Open, tiny_policy: Policy
) -> None:
    """However the stage samples: what it cuts off would bias the entropies."""
    words = {bare(tiny_policy.processor.tokenizer.decode([token])) for token in range(400)}
    use = Use("critical-entropy", items=2, lexicon=tuple(words - {""}), words=True)
    found = []
    for settings in ({}, {"temperature": 0.3, "top_k": 2, "top_p": 0.5}):
        sampling = Sampling(max_new_tokens=6, **settings)
        stage = stage_of(
            callbacks=(use,), sampling=sampling,
            rewards=(Reward(part=Use("accuracy"), weight=1.0),),
        )  # fmt: skip
        context = open_stage(stage)
        context.step = 1
        found.append(call_back(stage, context, {}))
    assert found[0] == found[1]
    assert found[0]["critical/entropy"] > 0


def test_the_checkpoint_that_a_callback_calls_best_is_kept(
    tiny_folder: Path, tmp_path: Path
) -> None:
    @register("callback", "test-second-is-best")
    def second_is_best(step: int, memory: dict[str, Any]) -> dict[str, float]:
        memory["best"] = [min(step, 2)]
        return {"seen": float(step)}

    stage = Reinforce(**stage_of(
        steps=5, save_every=1, prompts=1, rollouts=2, callbacks=(Use("test-second-is-best"),),
        rewards=(Reward(part=Use("accuracy"), weight=1.0),),
        optimizer=Optimizer(learning_rate=Use("constant", value=0.0)),
    ).model_dump())  # fmt: skip
    recipe = Recipe(
        name="kept", scale="micro", model=Model(path=str(tiny_folder)), stages=(stage,),
        evaluation=Evaluation(),
    )  # fmt: skip
    run = train(recipe, root=tmp_path)
    found = [path.name for path in list_checkpoints(run.checkpoint_folder(1, "rl"))]
    assert found == ["step-000002", "step-000004", "step-000005"]
    assert [row["seen"] for row in run.metrics()] == [1.0, 2.0, 3.0, 4.0, 5.0]


def test_a_callback_sees_what_every_step_of_its_stage_logged(
    tiny_folder: Path, tmp_path: Path
) -> None:
    """Of the steps between two saves too, and of no other stage."""
    seen: list[dict[str, list[float]]] = []

    @register("callback", "test-curves")
    def look(curves: dict[str, list[float]], note: Any) -> dict[str, float]:
        seen.append({name: list(values) for name, values in curves.items()})
        note("looked")
        return {"looked": float(len(curves["reward"]))}

    def stage(name: str) -> Reinforce:
        return Reinforce(**stage_of(
            name=name, steps=3, save_every=2, prompts=1, rollouts=2,
            callbacks=(Use("test-curves"),),
            rewards=(Reward(part=Use("accuracy"), weight=1.0),),
            optimizer=Optimizer(learning_rate=Use("constant", value=0.0)),
        ).model_dump())  # fmt: skip

    recipe = Recipe(
        name="curves", scale="micro", model=Model(path=str(tiny_folder)),
        stages=(stage("first"), stage("second")), evaluation=Evaluation(),
    )  # fmt: skip
    notes: list[str] = []

    class Listener(Watcher):
        def note(self, text: str) -> None:
            notes.append(text)

    run = train(recipe, root=tmp_path, watcher=Listener())
    assert [len(curves["reward"]) for curves in seen] == [2, 3, 2, 3]
    assert notes.count("looked") == 4
    logged = [row.get("looked") for row in run.metrics()]
    assert logged == [None, 2.0, 3.0, None, 2.0, 3.0]
    assert seen[-1]["length"] == [row["length"] for row in run.metrics()[3:]]
    assert not {"stage", "index", "step"} & set(seen[-1])
    assert math.isnan(seen[-1]["looked"][0])
    assert seen[-1]["looked"][1] == 2.0


def test_the_callback_is_a_part_like_any_other() -> None:
    assert part("callback", "critical-entropy").settings["items"] == 16
