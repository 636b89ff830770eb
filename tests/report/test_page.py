from __future__ import annotations

import base64
import hashlib
import html
import io
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from gnomon.report.page import write_report
from gnomon.run import Run

ATTACK = (
    "</script></textarea></style>--><script>document.documentElement.dataset.pwned=1</script>"
    '<img src=x onerror="document.documentElement.dataset.pwned=1">'
    '" onmouseover="alert(1)" x=\'y\' <a href="javascript:alert(1)">go</a>'
    "{{ 7*7 }} {% raw %} \x00 \x1b[31mred\x1b[0m \u202egnp.exe \u2066 \u2028 \u2029 &lt; \\u003c"
)
YAML = "name: grpo-small\ndescription: A small run.\nscale: micro\nseed: 7\nmodel:\n  path: micro\n"


def _png(colour: str, side: int = 24) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(buffer, format="PNG")
    return buffer.getvalue()


def _row(group: int, member: int, **changes: Any) -> dict[str, Any]:
    right = member % 2 == 0
    row = {
        "group": group,
        "member": member,
        "sample_id": f"sample-{group}",
        "task": ("count", "compare")[group % 2],
        "difficulty": float(1 + group % 3),
        "prompt": "<image>How many red shapes are there?",
        "images": [f"image-{group % 3}"],
        "response": "<think>two and one</think>\n\\boxed{3}",
        "stop": "end",
        "length": 11,
        "reference": "3",
        "prediction": "3" if right else "4",
        "outcome": "correct" if right else "wrong",
        "reason": "equal as integer" if right else "4 is not 3",
        "reward": 1.1 if right else 0.1,
        "advantage": 1.0 if right else -1.0,
        "scores": {"accuracy": float(right), "format": 1.0, "iou": None},
    }
    return {**row, **changes}


IMAGES = {f"image-{i}": _png(colour) for i, colour in enumerate(("red", "green", "blue"))}


def _result(accuracy: float) -> dict[str, Any]:
    share = {"accuracy": accuracy, "low": accuracy - 0.05, "high": accuracy + 0.05, "n": 100}
    return {
        "benchmarks": {
            "shapes": {
                **share,
                "mean_length": 12.5,
                "seconds": 3.0,
                "by_task": {"count": share, "compare": share},
                "by_difficulty": {"1": share, "10": share, "2": share},
                "outcomes": {"correct": 60, "wrong": 40},
                "metrics": {"pass@4": 0.9},
            }
        }
    }


def _make_run(root: Path, steps: int = 6, **changes: Any) -> Run:
    """A run of a base evaluation, a supervised stage and one of reinforcement learning."""
    run = Run.create(root, "grpo-small", "micro", YAML)
    for index, stage, accuracy in ((0, "base", 0.25), (1, "cold", 0.41), (2, "rl", 0.62)):
        rows = [_row(group, 0, advantage=None, **changes) for group in range(4)]
        run.write_evaluation(index, stage, _result(accuracy), rows, IMAGES)
    for step in range(1, steps + 1):
        run.log("cold", 1, step, {"loss": 2.0 / step, "lr": 1e-3})
        run.log("rl", 2, step, {"reward": 0.1 * step, "reward/accuracy": 0.1, "reward/format": 1.0})
        run.time("rl", 2, step, {"rollout": 2.0, "grade": 0.1, "update": 1.0}, 900.0)
        rows = [_row(group, member, **changes) for group in range(2) for member in range(4)]
        run.write_rollouts(2, "rl", step, rows, IMAGES)
    run.skip("rl", 2, 1, "source", "sample-9", "prompt has 3000 tokens")
    stages = [
        {"name": "base", "index": 0, "accuracy": 0.25, "low": 0.2, "high": 0.3, "n": 100},
        {"name": "rl", "index": 2, "accuracy": 0.62, "low": 0.57, "high": 0.67, "n": 100},
    ]
    run.write_summary({"recipe": "grpo-small", "status": "done", "seed": 7, "stages": stages})
    return run


def _hostile_run(root: Path) -> Run:
    texts = ("response", "prompt", "prediction", "reference", "reason", "sample_id", "task")
    changes: dict[str, Any] = dict.fromkeys((*texts, "stop", "outcome"), ATTACK)
    run = _make_run(root, **changes, scores={ATTACK: 1.0})
    for step in (98, 99):
        run.log("rl", 2, step, {ATTACK: 1.0, f"reward/{ATTACK}": 2.0})
    run.time("rl", 2, 99, {ATTACK: 4.0})
    run.skip("rl", 2, 1, ATTACK, ATTACK, ATTACK)
    run.skip("rl", 2, 1, "source", "sample", "lone surrogate \ud800")
    (run.path / "recipe.yaml").write_text(f"name: {json.dumps(ATTACK)}\n# {ATTACK!r}\n")
    result = _result(0.5)
    result["benchmarks"][ATTACK] = result["benchmarks"]["shapes"]
    run.write_evaluation(2, "rl", result, [_row(0, 0, **changes)], IMAGES)
    run.write_summary({"recipe": ATTACK, "status": ATTACK, "message": ATTACK, "stages": []})
    return run


class _Elements(HTMLParser):
    """Tags, attributes and the text of scripts, as a parser reads them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self._inside = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = f"{tag}:{dict(attrs).get('type', '')}"

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        self.texts[self._inside] = self.texts.get(self._inside, "") + data


def _payload(page: str) -> Any:
    return json.loads(_Elements(page).texts["script:application/json"])


def _report(run: Run) -> str:
    return write_report(run).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return _report(_make_run(tmp_path_factory.mktemp("run")))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> str:
    return _report(_hostile_run(tmp_path_factory.mktemp("hostile")))


def _plain(page: str) -> str:
    """The text of the page without its tags."""
    return html.unescape(re.sub(r"<[^>]+>", " ", page))


# -- contents -------------------------------------------------------------------------------------


def test_the_report_is_one_file_in_the_run_folder(tmp_path: Path) -> None:
    run = _make_run(tmp_path)
    assert write_report(run) == run.path / "report.html"
    assert not list(run.path.glob(".tmp-*"))


def test_the_page_names_recipe_seed_model_and_status(page: str) -> None:
    text = _plain(page)
    for fact in ("grpo-small", "A small run.", "micro", "7", "done"):
        assert fact in text


def test_the_headline_is_the_change_from_base_to_the_last_stage(page: str) -> None:
    assert "+37.0 points" in _plain(page)


def test_tasks_and_difficulties_are_tabled_in_natural_order(page: str) -> None:
    names = re.findall(r'<th scope="row" dir="auto">([^<]+)</th>', page)
    assert [name for name in names if name.isdigit()] == ["1", "2", "10"]
    assert "compare" in names


def test_every_chart_has_its_values_for_the_pointer(page: str) -> None:
    assert len(_payload(page)["panels"]) == page.count("<svg class=")


def test_all_rollouts_of_a_small_run_are_in_the_page(page: str) -> None:
    cards = _payload(page)["cards"]
    assert sum(len(card["members"]) for card in cards) == 3 * 4 + 6 * 8
    assert "60 of 60 rollouts" in page


def test_an_evaluated_question_has_the_answers_of_all_stages(page: str) -> None:
    card = next(card for card in _payload(page)["cards"] if card["kind"] == "evaluation")
    assert [member["stage"] for member in card["members"]] == ["base", "cold", "rl"]


def test_images_are_inlined_once_each(page: str) -> None:
    images = _payload(page)["images"]
    assert len(images) == 3
    stored = {base64.b64decode(uri.partition(",")[2]) for uri in images.values()}
    assert stored == set(IMAGES.values())


def test_skipped_records_are_counted_by_reason_with_examples(page: str) -> None:
    text = _plain(page)
    assert "prompt has 3000 tokens" in text
    assert "sample-9" in text


def test_recipe_and_environment_are_in_the_page(page: str) -> None:
    assert "path: micro" in page
    assert "packages.numpy" in page


def test_a_run_that_wrote_nothing_yet_has_a_page(tmp_path: Path) -> None:
    text = _plain(_report(Run.create(tmp_path, "early", "micro", "")))
    assert "No stage has left a result yet" in text
    assert "This run has logged no rollouts" in text
    assert "Nothing was skipped" in text


def test_a_run_with_a_broken_recipe_shows_its_text(tmp_path: Path) -> None:
    assert "[unclosed" in _report(Run.create(tmp_path, "early", "micro", "[unclosed"))


def test_a_failed_run_shows_its_message(tmp_path: Path) -> None:
    run = _make_run(tmp_path)
    run.write_summary({"status": "failed", "message": "the loss was not finite 5 times"})
    assert "the loss was not finite 5 times" in _plain(_report(run))


def test_a_folder_without_a_time_in_its_name_has_a_page(tmp_path: Path) -> None:
    run = Run(shutil.move(Run.create(tmp_path, "a", "micro", YAML).path, tmp_path / "moved"))
    assert "Started" not in _report(run)
    odd = Run(shutil.move(run.path, tmp_path / "odd-99999999-999999"))
    assert "Started" not in _report(odd)


def test_a_run_outside_a_repository_names_no_commit(tmp_path: Path) -> None:
    run = _make_run(tmp_path)
    (run.path / "environment.json").write_text('{"git": null, "device": "cpu"}')
    assert "Commit" not in _report(run)


def test_a_commit_with_changes_says_so(tmp_path: Path) -> None:
    run = _make_run(tmp_path)
    git = {"commit": "0123456789abcdef", "dirty": True}
    (run.path / "environment.json").write_text(json.dumps({"git": git}))
    assert "0123456789 with changes" in _plain(_report(run))


def test_a_damaged_file_of_rollouts_is_named_and_the_rest_is_shown(tmp_path: Path) -> None:
    run = _make_run(tmp_path)
    (run.path / "rollouts/2-rl/000003.parquet").write_bytes(b"no parquet")
    text = _report(run)
    assert "2-rl/000003.parquet could not be read" in text
    assert sum(len(card["members"]) for card in _payload(text)["cards"]) == 3 * 4 + 5 * 8


def test_writing_again_replaces_the_page_and_gives_the_same_bytes(tmp_path: Path) -> None:
    run = _make_run(tmp_path)
    assert write_report(run).read_bytes() == write_report(run).read_bytes()


# -- safety ---------------------------------------------------------------------------------------


def test_nothing_in_the_page_is_loaded_from_elsewhere(page: str) -> None:
    for tag, attributes in _Elements(page).tags:
        for name in ("src", "href", "action", "data", "srcset", "poster"):
            value = attributes.get(name)
            assert value is None or value.startswith(("#", "data:")), (tag, name, value)
    assert "url(" not in page and "@import" not in page


def test_the_policy_allows_the_page_script_by_its_hash_and_no_other(page: str) -> None:
    elements = _Elements(page)
    policy = next(a["content"] for t, a in elements.tags if t == "meta" and "http-equiv" in a)
    digest = hashlib.sha256(elements.texts["script:"].encode()).digest()
    assert policy is not None
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in policy
    assert f"script-src 'sha256-{base64.b64encode(digest).decode()}';" in policy


def test_hostile_text_adds_no_element_and_no_attribute(page: str, hostile: str) -> None:
    ours = {(tag, name) for tag, attributes in _Elements(page).tags for name in attributes}
    theirs = {(tag, name) for tag, attributes in _Elements(hostile).tags for name in attributes}
    assert theirs - ours <= {("p", "class"), ("p", "dir")}  # the message, which the other lacks
    tags = [tag for tag, _ in _Elements(hostile).tags]
    assert tags.count("script") == 2
    assert "img" not in tags


def test_hostile_text_is_shown_as_it_is_written(hostile: str) -> None:
    member = _payload(hostile)["cards"][0]["members"][0]
    assert member["response"].startswith(ATTACK[: ATTACK.index("\x00")])
    assert "{{ 7*7 }}" in _plain(hostile)


def test_no_control_or_override_character_reaches_the_page(hostile: str) -> None:
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", hostile)
    response = _payload(hostile)["cards"][0]["members"][0]["response"]
    assert "␀ ␛[31mred␛[0m ⟨U+202E⟩gnp.exe ⟨U+2066⟩" in response


def test_a_response_of_a_megabyte_is_cut_with_a_note(tmp_path: Path) -> None:
    run = _make_run(tmp_path, steps=1, response="a" * 1_000_000 + "\\boxed{3}")
    response = _payload(_report(run))["cards"][0]["members"][0]["response"]
    assert len(response) < 20_000
    assert "… 984,009 characters left out …" in response
    assert response.endswith("\\boxed{3}")


def test_the_page_stays_below_eight_megabytes(tmp_path: Path) -> None:
    run = _make_run(tmp_path, steps=10, response="<" * 100_000)
    report = write_report(run)
    assert report.stat().st_size < 8_000_000
    shown, total = re.findall(r"(\d+) of (\d+) rollouts are in", report.read_text("utf-8"))[0]
    assert 0 < int(shown) < int(total) == 92


# -- in a browser ---------------------------------------------------------------------------------

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
browser = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")


def _browse(place: Path, *flags: str) -> tuple[str, list[str]]:
    """The page as the browser made it, and what it wrote to its console."""
    command = [
        str(CHROMIUM),
        *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"),
        *("--disable-background-networking", "--disable-component-update"),
        *("--enable-logging=stderr", f"--user-data-dir={place.parent / 'browser'}"),
        *("--window-size=1200,900", *flags, "--dump-dom", place.as_uri()),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True)
    return done.stdout, re.findall(r"CONSOLE.*", done.stderr)


@browser
def test_a_browser_shows_the_rollouts_without_an_error(tmp_path: Path) -> None:
    report = write_report(_make_run(tmp_path, steps=1))
    dom, console = _browse(report, f"--screenshot={tmp_path / 'page.png'}")
    assert 'data-ready="20"' in dom
    assert dom.count('<article class="member') == 20
    assert "data-error" not in dom and not console
    with Image.open(tmp_path / "page.png") as picture:
        assert picture.size == (1200, 900)


@browser
def test_a_browser_scales_small_images_up_with_hard_pixels(tmp_path: Path) -> None:
    dom, _ = _browse(write_report(_make_run(tmp_path, steps=1)))
    assert re.search(r'<img [^>]*class="small" style="width: 216px;"', dom)


@browser
def test_a_browser_runs_no_script_that_a_model_wrote(tmp_path: Path) -> None:
    dom, console = _browse(write_report(_hostile_run(tmp_path)))
    assert re.search(r'<html[^>]* data-ready="[1-9]', dom)
    assert "data-pwned" not in dom and "data-error" not in dom and not console
    assert "&lt;script&gt;document" in dom


@browser
def test_a_browser_refuses_a_script_that_is_put_into_the_page(tmp_path: Path) -> None:
    report = write_report(_make_run(tmp_path, steps=1))
    evil = "<script>document.documentElement.dataset.pwned=1</script></body>"
    report.write_text(report.read_text("utf-8").replace("</body>", evil), "utf-8")
    dom, console = _browse(report)
    assert "data-pwned" not in dom
    assert "Content Security Policy" in " ".join(console)


@browser
def test_filters_leave_the_rollouts_that_fit(tmp_path: Path) -> None:
    report = write_report(_make_run(tmp_path, steps=1))
    # The script may only be extended together with its hash, as the page's own policy demands.
    page = report.read_text("utf-8")
    script = _Elements(page).texts["script:"]
    act = "document.getElementById('outcome').value='wrong';"
    act += "document.getElementById('outcome').dispatchEvent(new Event('change'));\n"
    for old, new in ((_digest(script), _digest(script + act)), (script, script + act)):
        page = page.replace(old, new)
    report.write_text(page, "utf-8")
    dom, console = _browse(report)
    assert 'data-ready="4"' in dom and not console
    assert "4 rollouts in 2 groups" in dom


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
