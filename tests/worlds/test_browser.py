"""A real browser: what it says of a page, its pictures, real input, and that nothing hangs."""

import asyncio
import io
import os
import shutil
import subprocess
import sys
import threading

import numpy as np
import pytest
from PIL import Image

from gnomon.worlds import browser
from gnomon.worlds.browser import State, acted, ask, census, close, look, missing, picture, probe
from gnomon.worlds.browser import read as texts

here = pytest.mark.skipif(bool(missing()), reason=missing())
HTML = (
    '<main style="--accent:rgb(44,84,190)"><section id="home"><h1>Notes</h1>'
    "<div class=row><button popovertarget=n>Save</button></div>"
    "<div class=row><label class=field>City<input type=text></label></div>"
    "<div class=row><label><input type=checkbox>Wifi</label></div>"
    '<div class=row><a href="#Trips">Trips</a></div>'
    "<details><summary>File</summary><div role=menu>"
    "<button role=menuitem popovertarget=m>Export</button></div></details>"
    "<table><tr><th>Goals</th><th>Mon</th></tr><tr><td>Ann</td><td>37</td></tr></table>"
    '<article><svg role="img" aria-label="red star" width=24 height=24 fill="red">'
    "<rect width=24 height=24 /></svg></article><div popover id=n>Save: done</div>"
    "<div popover id=m>Export: done</div></section>"
    '<section id="Trips"><h1>Trips</h1></section><section id="app-Mail"><h1>Mail</h1></section>'
    "</main>"
)
SIZE = (140, 168)
PAGE = State(HTML, SIZE)


def after(*steps):
    return State(HTML, SIZE, steps)


def pixels(state):
    return np.asarray(Image.open(io.BytesIO(picture(state))))


def status(*actions):
    return acted(PAGE, actions).status


def click(label, state=PAGE):
    (element,) = [e for e in look(state).elements if e.label == label]
    return {"action": "click", "coordinate": list(element.centre)}


# -- what is seen ---------------------------------------------------------------------------------


@here
def test_kinds_and_labels_are_read_from_the_page():
    told = [element.named for element in look(PAGE).elements]
    assert told == [
        "button Save", "field City", "box Wifi", "link Trips", "menu File", "table Goals",
        "picture red star",
    ]  # fmt: skip
    assert look(PAGE).head == "Notes"


@here
def test_a_box_ends_where_the_picture_of_its_element_ends():
    (save,) = [e for e in look(PAGE).elements if e.label == "Save"]
    x1, y1, x2, y2 = save.box
    blue = (pixels(PAGE)[28:] == (44, 84, 190)).all(axis=-1)
    rows, columns = np.flatnonzero(blue.any(1)) + 28, np.flatnonzero(blue.any(0))
    assert (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1) == (x1, y1, x2, y2)


@here
def test_the_browser_tells_what_is_at_a_point():
    assert probe(PAGE, [(70, 42), (70, 10), (500, 0)]) == ["button Save", "", ""]
    assert texts(PAGE, [(10, 182 - 28), (70, 10)])[1] == "Notes"


@here
def test_a_census_finds_what_is_seen_and_nothing_else():
    assert census(PAGE, 5) == {
        "button Save", "field City", "box Wifi", "link Trips", "menu File"
    }  # fmt: skip


@here
def test_elements_that_are_scrolled_away_are_known_with_where_they_are():
    boxes = {e.label: e.box for e in look(after(("scroll", "down"))).elements}
    assert boxes["Save"][1] < 0 <= boxes["Goals"][1] < SIZE[1]


@here
def test_a_picture_has_the_size_of_the_page_and_its_colours():
    shown = pixels(PAGE)
    assert shown.shape == (168, 140, 3)
    assert tuple(shown[5, 130]) == (44, 84, 190)


@here
def test_a_new_browser_draws_the_same_pixels():
    state = after(("click", "City"), ("input_text", "cat"))
    one = picture(state)
    close()
    picture.cache_clear()
    assert picture(state) == one


# -- steps ----------------------------------------------------------------------------------------


@here
@pytest.mark.parametrize(
    "steps, head",
    [
        ((), "Notes"),
        ((("click", "Trips"),), "Trips"),
        ((("click", "Trips"), ("navigate_back", "")), "Notes"),
        ((("open_app", "Mail"),), "Mail"),
    ],
)
def test_links_lead_away_and_back(steps, head):
    assert look(after(*steps)).head == head


@here
def test_an_open_menu_moves_what_is_below_it():
    closed, opened = (
        {e.label: e.box[1] for e in look(state).elements}
        for state in (PAGE, after(("click", "File")))
    )
    assert "Export" not in closed and opened["Export"] > opened["File"]
    assert opened["Goals"] == closed["Goals"] + 28


@here
def test_a_field_keeps_what_is_typed_and_loses_its_cursor():
    typed = [("click", "City"), ("input_text", "cat")]
    (city,) = [e for e in look(after(*typed)).elements if e.label == "City"]
    assert city.on and city.text == "cat"
    away = [*typed, ("click", "Trips"), ("navigate_back", "")]
    (city,) = [e for e in look(after(*away)).elements if e.label == "City"]
    assert not city.on and city.text == "cat"


@here
def test_going_on_from_a_page_is_the_same_as_coming_there_anew():
    steps = (("click", "Wifi"), ("click", "File"), ("scroll", "down"))
    look(after(*steps[:2]))
    look.cache_clear()
    one = look(after(*steps))
    look.cache_clear()
    look(State("<section id=home><h1>Other</h1></section>", SIZE))
    assert look(after(*steps)) == one


# -- real input -----------------------------------------------------------------------------------


@here
@pytest.mark.parametrize(
    "label, gained",
    [("Save", "Save: done"), ("City", "field City"), ("Wifi", "box Wifi"), ("File", "menu File"),
     ("Trips", "head Trips")],
)  # fmt: skip
def test_a_real_click_changes_what_it_should(label, gained):
    before, then = status(click(label))
    assert gained in then - before


@here
def test_keys_go_to_where_the_cursor_is():
    *_, last = status(click("City"), {"action": "input_text", "text": "cat"})
    assert "City=cat" in last
    *_, last = status({"action": "input_text", "text": "cat"})
    assert not any("cat" in line for line in last)


@here
def test_a_wheel_scrolls_and_back_goes_back():
    *_, last = status({"action": "scroll", "direction": "down"})
    assert "top 0" not in last
    *_, last = status(click("Trips"), {"action": "navigate_back"})
    assert "head Notes" in last


@here
def test_steps_by_label_look_like_real_input():
    real = acted(PAGE, [click("City"), {"action": "input_text", "text": "owl"}, click("Wifi"),
                        {"action": "scroll", "direction": "down"}])  # fmt: skip
    assert real.picture == picture(
        after(("click", "City"), ("input_text", "owl"), ("click", "Wifi"))
    )


# -- the process ----------------------------------------------------------------------------------


@here
def test_any_thread_and_a_running_event_loop_may_ask():
    async def inside():
        return look(State(HTML + " ", SIZE)).head

    found = []
    thread = threading.Thread(target=lambda: found.append(look(State(HTML + "  ", SIZE)).head))
    thread.start()
    thread.join(60)
    assert [asyncio.run(inside()), *found] == ["Notes", "Notes"]


@here
def test_every_request_is_refused():
    state = State(f'{HTML}<img src="http://127.0.0.1:1/a.png">', SIZE)
    assert look(state).head == "Notes"
    asked = ask(
        lambda tabs: tabs.of(SIZE).page.evaluate("fetch('http://127.0.0.1:1/').catch(e => 'no')")
    )
    assert asked == "no"


@here
def test_an_error_of_a_page_is_told_and_leaves_the_browser_working():
    with pytest.raises(RuntimeError, match="the browser failed"):
        look(after(("click", "No such label")))
    assert look(PAGE).head == "Notes"


@here
def test_a_browser_that_does_not_answer_is_given_up(monkeypatch):
    look(PAGE)
    monkeypatch.setattr(browser, "LIMIT", 0.1)
    monkeypatch.setattr(browser, "START", 0.1)
    held = threading.Event()
    with pytest.raises(RuntimeError, match="did not answer in 0 s"):
        ask(lambda tabs: held.wait(5))
    held.set()


@here
def test_a_process_ends_with_its_browser():
    code = "from tests_page import PAGE, look; print(look(PAGE).head)"
    code = code.replace("tests_page", "worlds.test_browser")
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert done.stdout.strip() == "Notes" and not done.stderr


# -- what is missing ------------------------------------------------------------------------------


def test_without_playwright_the_remedy_is_told(monkeypatch):
    monkeypatch.setattr(browser, "find_spec", lambda name: None)
    assert "pip install 'gnomon[pages]'" in missing()


def test_without_any_browser_the_remedy_is_told(monkeypatch, tmp_path):
    monkeypatch.setattr(browser, "CHROMIUM", ("no-such-browser",))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))
    monkeypatch.setattr(browser, "find_spec", lambda name: name)
    assert missing() == f"needs a Chromium: {browser.REMEDY}"
    (tmp_path / "chromium-1").mkdir()
    assert missing() == ""


@pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium on this machine")
def test_a_browser_of_the_system_does(monkeypatch, tmp_path):
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))
    assert missing() in (
        "",
        f"needs Playwright: pip install 'gnomon[pages]', then {browser.REMEDY}",
    )
