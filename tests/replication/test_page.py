from __future__ import annotations

import re
import shlex
from pathlib import Path
from xml.etree import ElementTree

import pytest

from gnomon.cli import run_command
from gnomon.replication.chart import chart
from gnomon.replication.experiment import (
    Claim,
    Metric,
    experiment_files,
    load_experiment,
    recipe_hash,
)
from gnomon.replication.matching import base_of, resolve
from gnomon.replication.page import (
    PICTURES,
    STORED,
    command_of,
    replication_pages,
    table,
    tally,
)
from gnomon.replication.results import read_results
from gnomon.replication.summary import summarise
from replication.stored import store_made

SHARES = {"grpo": 0.5, "papo": 0.6, "gamma-doubled": 0.3, "semantic-masks": 0.5}


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page when nothing is stored."""
    root = tmp_path_factory.mktemp("empty")
    (page,) = replication_pages(root).values()
    return page


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[Path, str]]:
    """The pages when one system has results."""
    root = tmp_path_factory.mktemp("made")
    store_made(root / STORED, load_experiment("papo"), SHARES)
    return root, replication_pages(root)


@pytest.mark.parametrize("name", experiment_files())
def test_every_arm_is_on_the_page_with_its_command(name: str, empty: str) -> None:
    experiment = load_experiment(name)
    for arm in experiment.arms:
        assert f"- **{arm}**: `{command_of(experiment, arm)}`\n" in empty


@pytest.mark.parametrize("name", experiment_files())
def test_a_system_without_a_result_says_so_with_its_command(name: str, empty: str) -> None:
    assert f"not run yet: `gnomon replicate {name}`" in empty
    assert f"\n## {name}\n" in empty


def test_an_effect_stands_beside_what_the_source_reports(
    made: tuple[Path, dict[Path, str]],
) -> None:
    root, pages = made
    page = pages[root / "docs/replications.md"]
    (row,) = [line for line in page.splitlines() if re.match(r"\| \*\*papo\*\* \| 60", line)]
    assert "| helps | +2 points; 3B, average of all: 47.92 to 49.92 |" in row
    assert "papo: helps; gamma-doubled: hurts; semantic-masks: no effect seen" in page


def test_verdicts_are_counted_and_set_against_the_numbers_of_the_sources(
    made: tuple[Path, dict[Path, str]],
) -> None:
    root, pages = made
    told = " ".join(pages[root / "docs/replications.md"].split())
    # The source: papo +2, gamma doubled -13.54, semantic masks +.5, which here have no effect.
    assert (
        "1 experiments 3 arms stand against their reference: helps 1, no effect seen 1, hurts 1"
        in told
    )
    assert "a number for 3 of them: 2 have an effect of the same sign here, 0 of the other" in told


def test_an_arm_that_answered_as_another_does_not_count(tmp_path: Path) -> None:
    curves = {"length": [[1.0, 30.0]]}
    store_made(tmp_path, load_experiment("papo"), SHARES, curves=curves)
    told = tally(summarise(read_results(tmp_path, "papo")))
    assert "2 arms stand against their reference: helps 1, no effect seen 0, hurts 1" in told
    assert "1 more that answered as another arm did do not count." in told


def test_runs_of_the_recipes_of_today_and_of_others_are_told_apart(tmp_path: Path) -> None:
    experiment = load_experiment("papo")
    recipes = resolve(experiment)
    for arm, share in SHARES.items():
        changed = {} if arm == "papo" else {"recipe": recipe_hash(recipes[arm])}
        store_made(tmp_path / STORED, experiment, {arm: share}, **changed)
    page = replication_pages(tmp_path)[tmp_path / "docs/replications.md"]
    assert "Of other versions of their recipes than the commands above: papo.\n" in page


def test_where_less_is_better_a_helping_arm_agrees_with_a_number_below_zero(tmp_path: Path) -> None:
    declared = load_experiment("papo")
    metric = Metric(name="entropy", better="lower", margin=0.05)
    claim = Claim(effect=-0.3, where="a table")
    arm = declared.arms["papo"].model_copy(update={"claim": claim})
    arms = {"grpo": declared.arms["grpo"], "papo": arm}
    experiment = declared.model_copy(update={"metric": metric, "arms": arms, "also": ()})
    for name, value in (("grpo", 0.9), ("papo", 0.5)):
        store_made(tmp_path, experiment, {name: value}, logged={"entropy": value})
    told = tally(summarise(read_results(tmp_path, "papo")))
    assert "helps 1" in told and "1 have an effect of the same sign here, 0 of the other" in told


def test_where_no_arm_is_better_than_guessing_the_page_says_so(tmp_path: Path) -> None:
    tasks = {"count": {"items": 400, "accuracy": 0.4, "guess": 0.6}}
    store_made(tmp_path / STORED, load_experiment("papo"), SHARES, tasks=tasks)
    page = replication_pages(tmp_path)[tmp_path / "docs/replications.md"]
    told = "no arm is better than the most common answer in any task, so that no difference could"
    assert "| count | 400 | 60.0 | 40.0 | 40.0 | 40.0 | 40.0 |\n" in page
    assert f"\nN{told[1:]} show.\n" in page
    assert f"In papo {told} show.\n" in page
    assert f"semantic-masks: inconclusive ({told} show) |" in page


def test_other_arms_are_compared_with_each_other(made: tuple[Path, dict[Path, str]]) -> None:
    root, pages = made
    page = pages[root / "docs/replications.md"]
    assert "| against | papo | gamma-doubled |\n" in page
    assert re.search(r"\| \*\*semantic-masks\*\* \| -10\.0 \(.*\) \| \+20\.0 \(", page)


def test_the_page_names_seeds_machine_commit_and_base(made: tuple[Path, dict[Path, str]]) -> None:
    root, pages = made
    told = "Seeds 0, 1, 2. Machine: 2 cores. Commit: 01234567. Base model: fedcba98"
    assert told in pages[root / "docs/replications.md"]


def test_a_result_of_todays_base_and_of_another_are_told_apart(tmp_path: Path) -> None:
    experiment = load_experiment("papo")
    told = {}
    for base in (base_of("gnomon-micro"), "fedcba98"):
        store_made(tmp_path / STORED, experiment, SHARES, base=base)
        page = replication_pages(tmp_path)[tmp_path / "docs/replications.md"]
        told[base] = "another than the recipe begins from now" in page
        (tmp_path / STORED / "papo.json").unlink()
    assert list(told.values()) == [False, True]


def test_a_result_has_a_picture_that_the_page_shows(made: tuple[Path, dict[Path, str]]) -> None:
    root, pages = made
    picture = root / "docs" / PICTURES / "papo.svg"
    assert ElementTree.fromstring(pages[picture]).tag.endswith("svg")
    assert f"({PICTURES}/papo.svg)" in pages[root / "docs/replications.md"]


def test_a_declared_difference_is_on_the_page(empty: str) -> None:
    assert "*differs in rollouts: supervised training samples nothing*" in empty


def test_a_result_of_another_declaration_is_declared_again(tmp_path: Path) -> None:
    experiment = load_experiment("papo")
    store_made(tmp_path / STORED, experiment, SHARES)
    later = experiment.model_copy(update={"seeds": 4})
    store_made(tmp_path / STORED, later, SHARES)
    assert later.declaration != experiment.declaration
    page = replication_pages(tmp_path)[tmp_path / "docs/replications.md"]
    heading = (
        f"papo: Declared again, of another declaration than the file's ({later.declaration[:8]})"
    )
    assert f"### papo: Result ({experiment.declaration[:8]})" in page
    assert heading.replace("earlier", "other") in page


def test_bars_and_line_breaks_do_not_break_a_table() -> None:
    assert table(("a",), [("x|y\nz",)]) == "| a |\n| --- |\n| x\\|y z |\n"


def test_the_command_of_an_arm_is_one_that_can_be_typed(capfd: pytest.CaptureFixture[str]) -> None:
    words = shlex.split(command_of(load_experiment("papo"), "semantic-masks"))
    assert run_command([words[0].replace("gnomon", "objective"), *words[2:]]) == 0
    assert "semantic-blocks" in capfd.readouterr().out


def test_a_chart_leaves_out_arms_without_points() -> None:
    drawn = chart("t", {"a": [(1.0, 0.5, 0.4, 0.6), (2.0, 0.6, 0.5, 0.7)], "b": []})
    assert ">a</text>" in drawn
    assert ">b</text>" not in drawn
    assert chart("t", {"b": []}) == ""


def test_a_chart_escapes_names() -> None:
    drawn = chart("<t>", {"<a>": [(1.0, 0.5, 0.5, 0.5)]})
    ElementTree.fromstring(drawn)


def test_the_page_writes_nothing(made: tuple[Path, dict[Path, str]]) -> None:
    root, _ = made
    assert [path.name for path in root.iterdir()] == [STORED]
    assert len(read_results(root / STORED, "papo")["runs"]) == 12
