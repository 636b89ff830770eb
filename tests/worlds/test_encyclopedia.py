import re
from dataclasses import replace

import numpy as np
import pytest

from gnomon.grading.grade import strict
from gnomon.records import Answer
from gnomon.worlds.articles import articles
from gnomon.worlds.encyclopedia import (
    SHOWN,
    TASKS,
    changed_emblem,
    draw_chain,
    emblem_of,
    seen_colours,
    written_emblem,
)
from gnomon.worlds.world import LEVELS, world_task


def posed(task, level, seed=0):
    return world_task("encyclopedia", task).pose(np.random.default_rng([level, seed]), level)


@pytest.mark.parametrize("hops", [1, 2, 3])
def test_a_chain_leads_through_that_many_articles(hops):
    for seed in range(20):
        chain, book = draw_chain(np.random.default_rng(seed), hops)
        assert len({article.title for article in chain.links}) == hops
        for link, relation, after in zip(
            chain.links, chain.relations, chain.links[1:], strict=False
        ):
            assert link.facts[relation] == after.title
        assert all(article in book for article in chain.links)


def test_a_question_names_no_entity_of_its_chain():
    for seed in range(20):
        chain, _ = draw_chain(np.random.default_rng(seed), 3)
        assert not any(article.title in chain.question for article in chain.links)


@pytest.mark.parametrize("task", ["one-hop", "two-hop", "three-hop", "needed"])
def test_a_difficulty_has_its_number_of_articles(task):
    for level in LEVELS:
        assert len(re.findall("The emblem of", posed(task, level).text)) == SHOWN[level - 1]


def test_all_articles_are_those_of_one_encyclopedia():
    question = posed("two-hop", 5)
    titles = re.findall(r"The emblem of (\w+)", question.text)
    assert len(set(titles)) == len(titles) == len(articles(0))


def test_the_answer_is_needed_from_another_article_than_the_first():
    for seed in range(20):
        question = posed("three-hop", 3, seed)
        steps = question.thought.rstrip(".").split(". ")
        assert len(steps) == 4 and steps[-1].endswith(question.answer_text)


def test_needed_articles_are_a_set_in_any_order():
    question = posed("needed", 3)
    assert strict(", ".join(reversed(question.answer.value)), question.answer).correct
    assert not strict(question.answer.value[0], question.answer).correct


def test_editions_differ_in_what_is_asked():
    for seed in range(30):
        question = posed("editions", 4, seed)
        lines = [line for line in question.text.splitlines() if line.startswith("Edition")]
        assert len(lines) == 3
        assert len({line.split(": ", 1)[1] for line in lines}) > 1


def test_the_rule_decides_which_edition_holds():
    rules = {posed("editions", 1, seed).facts["rule"] for seed in range(20)}
    assert rules == {"newest", "oldest"}


def test_the_rule_decides_between_picture_and_article():
    for seed in range(30):
        question = posed("pictured", 1, seed)
        told = emblem_of(written_emblem(question.text, question.facts["title"]))
        shown = emblem_of(question.facts["shown"])
        holds = {"picture": shown, "article": told}[question.facts["rule"]]
        assert question.answer.value == getattr(holds, question.facts["part"])
        assert told != shown


def test_a_changed_emblem_is_another_one_in_one_part():
    for seed in range(40):
        rng = np.random.default_rng(seed)
        chain, _ = draw_chain(rng, 1)
        emblem = chain.links[0].emblem
        other = changed_emblem(rng, emblem)
        assert (
            sum(a != b for a, b in zip(vars(emblem).values(), vars(other).values(), strict=True))
            == 1
        )
        assert other.inner_colour != other.outer_colour


def test_colours_are_seen_in_the_picture():
    for seed in range(20):
        question = posed("pictured", 1, seed)
        shown = emblem_of(question.facts["shown"])
        assert seen_colours(question) == (shown.inner_colour, shown.outer_colour)


def test_pictures_agree_about_as_often_as_not():
    assert 15 < sum(posed("agreement", 1, seed).answer.value for seed in range(60)) < 45


def test_a_wrong_answer_is_not_confirmed():
    for task in TASKS:
        question = task.pose(np.random.default_rng(0), 2)
        value = question.answer.value
        wrong = not value if isinstance(value, bool) else ("x",) if type(value) is tuple else "x"
        changed = replace(
            question, answer=Answer(question.answer.kind, wrong), answer_text=str(wrong)
        )
        assert task.confirm(question) and not task.confirm(changed)
