import numpy as np
import pytest

from gnomon.media.image import open_image
from gnomon.worlds.articles import (
    DETAILS,
    EACH,
    SIDE,
    Emblem,
    another_version,
    articles,
    draw_emblem,
    show_emblem,
)
from gnomon.worlds.scene import COLOURS

BOOKS = [articles(seed) for seed in range(30)]


def test_the_same_seed_gives_the_same_encyclopedia():
    articles.cache_clear()
    assert articles(3) == BOOKS[3]
    assert articles(3) != articles(4)


def test_titles_and_emblems_are_unique():
    for book in BOOKS:
        assert len({article.title for article in book}) == len(book) == EACH * len(DETAILS)
        assert len({article.emblem for article in book}) == len(book)


def test_relations_name_entities_of_their_kind_other_than_the_own():
    for book in BOOKS:
        kinds = {article.title: article.kind for article in book}
        for article in book:
            for name, detail in DETAILS[article.kind].items():
                if detail.target:
                    assert kinds[article.facts[name]] == detail.target
                    assert article.facts[name] != article.title


def test_an_article_says_its_kind_its_emblem_and_every_fact():
    for article in BOOKS[0]:
        assert len(article.sentences) == 2 + len(DETAILS[article.kind])
        assert article.text.startswith(f"{article.title} is a {article.kind}. The emblem")
        assert all(f" {value}." in article.text for value in article.facts.values())
        assert " a orange" not in article.text


def test_another_version_differs_in_one_fact():
    rng = np.random.default_rng(0)
    article = next(a for a in BOOKS[0] if a.kind == "town")
    for _ in range(20):
        other = another_version(rng, article, "goods")
        differ = [name for name in article.facts if article.facts[name] != other.facts[name]]
        assert differ == ["goods"]


def test_a_relation_has_no_other_version():
    article = next(a for a in BOOKS[0] if a.kind == "town")
    with pytest.raises(ValueError, match="names another entity"):
        another_version(np.random.default_rng(0), article, "river")


def test_an_emblem_has_two_colours():
    for seed in range(50):
        emblem = draw_emblem(np.random.default_rng(seed))
        assert emblem.inner_colour != emblem.outer_colour


@pytest.mark.parametrize("outer", ["circle", "square", "triangle", "star"])
@pytest.mark.parametrize("inner", ["circle", "square", "triangle", "star"])
def test_the_small_shape_lies_inside_the_large_one(inner, outer):
    (medium,) = show_emblem(Emblem(inner, "red", outer, "blue"))
    pixels = np.asarray(open_image(medium)).astype(int)
    assert pixels.shape == (SIDE, SIDE, 3)
    small = np.argwhere((pixels == COLOURS["red"]).all(2))
    large = np.argwhere((pixels == COLOURS["blue"]).all(2))
    assert (small.min(0) > large.min(0)).all() and (small.max(0) < large.max(0)).all()
    assert 60 < len(small) < len(large)


def test_emblems_are_written_in_words():
    written = Emblem("star", "yellow", "circle", "orange").written
    assert written == "yellow star in an orange circle"
