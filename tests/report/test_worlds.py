from dataclasses import replace
from html.parser import HTMLParser

import pytest

from gnomon.parts import PartError
from gnomon.records import Answer, Media
from gnomon.report import worlds as gallery
from gnomon.worlds.problems import PROBLEMS
from gnomon.worlds.questions import TASKS
from gnomon.worlds.world import LEVELS, Posed, WorldTask, tasks_of

HOSTILE = "<img src=x onerror=alert(1)></pre><script>alert(2)</script>\"' & \u202eabc"


def pose(rng, level):
    media = (Media("video", data=b"film"), Media("audio", data=b"tune"))
    return Posed(
        f"<image><image>{HOSTILE}", Answer("integer", level), str(level), f"{level}",
        HOSTILE, lambda: media,
    )  # fmt: skip


TASK = WorldTask("hostile", "single", "video", pose, lambda posed: True, lambda posed: 1.0)


class Elements(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def elements(page):
    parser = Elements()
    parser.feed(page)
    return parser.found


@pytest.fixture
def page():
    shown = gallery.ShownWorld("w", (gallery._task(TASK, 0), gallery._task(TASK, 1)))
    return gallery.render([shown], 0)


def test_every_difficulty_of_every_task_is_shown(page):
    assert sum(attrs.get("class") == "posed" for _, attrs in elements(page)) == 2 * len(LEVELS)


def test_text_of_a_question_is_escaped_and_hidden_characters_are_shown(page):
    assert not [tag for tag, _ in elements(page) if tag in ("script", "img")]
    assert "\u202e" not in page


def test_the_page_asks_for_nothing_from_outside(page):
    links = [v for _, attrs in elements(page) for k, v in attrs.items() if k in ("src", "href")]
    assert links and all(link.startswith(("data:", "#")) for link in links)


def test_each_kind_of_medium_is_shown_by_its_element(page):
    tags = [tag for tag, _ in elements(page)]
    assert tags.count("video") == tags.count("audio") == 2 * len(LEVELS)


def test_a_medium_in_a_file_is_shown_too(tmp_path):
    (tmp_path / "a.png").write_bytes(b"dots")
    posed = replace(pose(None, 1), show=lambda: (Media("image", path=tmp_path / "a.png"),))
    assert gallery._question(posed, 1).media == (("image", "data:image/png;base64,ZG90cw=="),)


@pytest.mark.parametrize("name", ["microworld", "motion", "screens", "sound"])
def test_a_world_is_drawn_with_all_its_tasks_and_what_they_show(name):
    page = gallery.worlds_page([name])
    tasks = {*TASKS, *PROBLEMS} if name == "microworld" else set(tasks_of(name))
    ids = {attrs["id"] for tag, attrs in elements(page) if tag == "article"}
    assert ids == {f"{name}-{task}" for task in tasks}
    tags = [tag for tag, _ in elements(page)]
    shown = {"microworld": "img", "motion": "video", "screens": "img", "sound": "audio"}[name]
    silent = len(PROBLEMS) if name == "microworld" else 0
    assert tags.count(shown) >= len(LEVELS) * (len(tasks) - silent)


def test_an_unknown_world_is_refused():
    with pytest.raises(PartError, match="there is no world"):
        gallery.worlds_page(["nowhere"])
