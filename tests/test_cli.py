from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gnomon.cli import app, is_explained, main, newest_run, run_command

runner = CliRunner()

RECIPE = '''"""A user's file: recipes over a tiny model."""
from gnomon.parts import register
from gnomon.recipe import Evaluation, Model, Optimizer, Recipe, Sft, Use
from gnomon.worlds.microworld import microworld

READ = []


class Stops:
    """Raises when it has been read for the ``after``-th time."""

    def __init__(self, samples, after, error):
        self.samples, self.after, self.error = samples, after, error

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        READ.append(index)
        if len(READ) > self.after:
            raise {errors}[self.error]
        return self.samples[index]


@register("source")
def stops(*, after: int, error: str = "interrupt"):
    """Stops the run after some reads."""
    world = microworld(tasks=["arithmetic"], modality="text", answers="worked", size=50)
    return Stops(world, after, error)


def recipe(data, evaluation):
    READ.clear()
    schedule = Use("constant", value=1e-4)
    stage = Sft(
        name="cold-start", data=data, modality="text", format=Use("think-boxed"), steps=2,
        optimizer=Optimizer(learning_rate=schedule), batch_size=2, max_tokens=256,
    )
    return Recipe(
        name="tiny", scale="micro", model=Model(path={model!r}), stages=(stage,),
        evaluation=evaluation,
    )


def tiny(scale):
    """One short stage."""
    world = Use("microworld", tasks=["arithmetic"], modality="text", answers="worked", size=50)
    benchmark = Use("microworld-text", items=2)
    return recipe(world, Evaluation(benchmarks=(benchmark,), max_new_tokens=2))


def interrupted_early(scale):
    """Stops while it is checked."""
    return recipe(Use("stops", after=1), Evaluation())


def interrupted(scale):
    """Stops in its stage."""
    return recipe(Use("stops", after=9), Evaluation())


def faulty(scale):
    """Has a fault."""
    return recipe(Use("stops", after=9, error="fault"), Evaluation())
'''
ERRORS = '{"interrupt": KeyboardInterrupt(), "fault": ZeroDivisionError("a fault")}'


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from gnomon.models.load import quiet_transformers
    from gnomon.models.micro import make_model, make_processor, save_micro, train_tokenizer

    folder = tmp_path_factory.mktemp("model")
    tokenizer = train_tokenizer(["How many circles are there?"], vocabulary=300)
    text = {
        "hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 1,
        "num_attention_heads": 2, "num_key_value_heads": 1,
    }  # fmt: skip
    made = make_model(tokenizer, seed=0, text=text, vision={"hidden_size": 32, "depth": 1})
    with quiet_transformers():
        save_micro(folder, made, make_processor(tokenizer))
    return folder


@pytest.fixture(scope="module")
def recipes(model: Path) -> Path:
    path = model.parent / f"{model.name}-recipes.py"
    text = RECIPE.replace("{errors}", ERRORS).replace("{model!r}", repr(str(model)))
    path.write_text(text)
    return path


@pytest.fixture(scope="module")
def finished(recipes: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """The run folder, stdout and stderr of a whole run."""
    out = tmp_path_factory.mktemp("runs")
    result = runner.invoke(
        app, ["train", f"{recipes}:tiny", "--out", str(out), "--set", "stages.cold-start.steps=1"]
    )
    assert result.exception is None, result.output
    [run] = out.iterdir()
    return run, result.stdout, result.stderr


# -- the front door -------------------------------------------------------------------------------


def run_python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


HEAVY = "{'torch', 'transformers', 'numpy', 'PIL', 'yaml', 'gnomon.parts'} & set(sys.modules)"


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], []])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys; from gnomon.cli import run_command\n"
        f"code = run_command({arguments!r}); assert code == 0, code\n"
        f"assert not {HEAVY}, {HEAVY}"
    )
    assert "Usage: gnomon" in run_python(code)


def test_importing_gnomon_imports_nothing_heavy() -> None:
    run_python(f"import sys, gnomon; assert not {HEAVY} | {{'rich', 'typer'}} & set(sys.modules)")


def test_the_public_door_has_at_most_forty_names_and_all_of_them_open() -> None:
    import gnomon

    assert len(gnomon.__all__) <= 40
    for name in gnomon.__all__:
        assert getattr(gnomon, name) is not None
    assert set(gnomon.__all__) <= set(dir(gnomon))


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    import gnomon

    with pytest.raises(AttributeError, match="'nothing'"):
        gnomon.nothing  # noqa: B018


def test_the_front_help_does_not_import_pydantic_either() -> None:
    code = "import sys; from gnomon.cli import run_command; run_command([])\n"
    run_python(f"{code}assert 'pydantic' not in sys.modules")


def test_without_arguments_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command([]) == 0
    output = capsys.readouterr().out
    for command in ("train", "evaluate", "recipes", "parts", "report", "generate", "doctor"):
        assert command in output


def test_the_version_is_that_of_the_package() -> None:
    from importlib import metadata

    assert runner.invoke(app, ["--version"]).output == f"gnomon {metadata.version('gnomon')}\n"


# -- errors ---------------------------------------------------------------------------------------


def test_an_unknown_part_names_the_nearest_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["parts", "advantage", "gpro"]) == 2
    message = capsys.readouterr().err
    assert message.startswith("there is no advantage named 'gpro'; did you mean 'grpo'?\n")
    assert "Traceback" not in message


def test_an_unknown_kind_names_the_nearest_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["parts", "rewrd"]) == 2
    assert "did you mean 'reward'?" in capsys.readouterr().err


def test_an_unknown_recipe_names_the_nearest_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["train", "revisual-r2"]) == 2
    assert "did you mean 'revisual-r1'?" in capsys.readouterr().err


def test_an_error_goes_to_stderr_only(capsys: pytest.CaptureFixture[str]) -> None:
    run_command(["parts", "rewrd"])
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("place", [0, 3])
def test_debug_shows_the_traceback(place: int, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["parts", "advantage", "gpro"]
    arguments.insert(place, "--debug")
    assert run_command(arguments) == 2
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_the_environment_can_ask_for_the_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GNOMON_DEBUG", "1")
    run_command(["parts", "rewrd"])
    assert "Traceback" in capsys.readouterr().err


def test_a_fault_in_the_program_is_not_disguised(recipes: Path, tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        run_command(["train", f"{recipes}:faulty", "--out", str(tmp_path)])


def test_errors_of_gnomon_of_the_system_and_of_memory_are_explained() -> None:
    import torch

    from gnomon.checkpoint import CheckpointError
    from gnomon.models.load import ModelError
    from gnomon.parts import PartError
    from gnomon.recipe import RecipeError
    from gnomon.records import BadRecord
    from gnomon.run import RunError
    from gnomon.stages.updates import Diverged

    ours = (CheckpointError, ModelError, PartError, RecipeError, BadRecord, RunError, Diverged)
    for kind in (*ours, PermissionError, torch.OutOfMemoryError):
        assert is_explained(kind("x"))
    for kind in (ValueError, KeyError, RuntimeError, ZeroDivisionError):
        assert not is_explained(kind("x"))


def test_the_entry_point_reads_the_command_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["gnomon", "--version"])
    with pytest.raises(SystemExit) as done:
        main()
    assert done.value.code == 0
    assert capsys.readouterr().out.startswith("gnomon ")


def test_a_misspelled_option_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["train", "--scael", "micro"]) == 2
    assert "--scale" in capsys.readouterr().err


def test_the_installed_command_exits_with_code_2_and_one_message() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from gnomon.cli import main; main()", "parts", "rewrd"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("there is no kind of part named 'rewrd'")
    assert "\x1b" not in done.stderr


# -- commands -------------------------------------------------------------------------------------


def test_recipes_are_listed_with_what_they_are() -> None:
    output = runner.invoke(app, ["recipes"]).output
    assert "revisual-r1" in output and "ReVisual-R1" in output


def test_kinds_are_listed_with_counts() -> None:
    from gnomon.parts import kinds

    output = runner.invoke(app, ["parts"]).output
    assert all(kind in output for kind in kinds())


def test_the_parts_of_a_kind_are_listed_with_their_summary() -> None:
    output = runner.invoke(app, ["parts", "format"]).output
    assert "think-boxed" in output and "think block" in output


def test_one_part_is_shown_whole() -> None:
    output = runner.invoke(app, ["parts", "reward", "length-ramp"]).output
    assert "inputs" in output and "settings" in output and "Source:" in output


def test_a_run_prints_its_table_report_and_model(finished: tuple[Path, str, str]) -> None:
    run, output, _ = finished
    lines = output.splitlines()
    assert any("cold-start" in line and "%" in line for line in lines)
    assert f"Report: {run / 'report.html'}" in lines
    [model] = [line.removeprefix("Model: ") for line in lines if line.startswith("Model: ")]
    assert (Path(model) / "config.json").is_file()
    assert (run / "report.html").is_file()


def test_progress_goes_to_stderr_as_plain_lines(finished: tuple[Path, str, str]) -> None:
    _, _, progress = finished
    assert "cold-start: started, 1 steps" in progress
    assert "cold-start: done in" in progress
    assert "\x1b" not in progress


def test_changes_and_seed_reach_the_recipe(recipes: Path, model: Path, tmp_path: Path) -> None:
    result = runner.invoke(
        app,
        [
            "train",
            f"{recipes}:tiny",
            "--out",
            str(tmp_path),
            "--seed",
            "7",
            "--model",
            str(model),
            "--set",
            "stages.cold-start.steps=1",
            "--set",
            "evaluation.benchmarks=[]",
        ],
    )
    assert result.exception is None, result.output
    [run] = tmp_path.iterdir()
    text = (run / "recipe.yaml").read_text()
    assert "\nseed: 7\n" in text and "steps: 1\n" in text


def test_a_finished_run_can_be_resumed_and_stays_as_it_is(
    finished: tuple[Path, str, str],
) -> None:
    run, _, _ = finished
    before = (run / "metrics.jsonl").read_bytes()
    result = runner.invoke(app, ["train", "--resume", str(run)])
    assert result.exception is None, result.output
    assert "Report: " in result.stdout
    assert (run / "metrics.jsonl").read_bytes() == before


def test_a_dry_run_shows_the_plan_and_runs_nothing(recipes: Path, tmp_path: Path) -> None:
    result = runner.invoke(app, ["train", f"{recipes}:tiny", "--dry-run", "--out", str(tmp_path)])
    assert result.exception is None, result.output
    assert "Dry run of tiny" in result.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_with_a_problem_exits_with_code_2(recipes: Path) -> None:
    freeze = "stages.cold-start.freeze=[vision, connector, language, embeddings, head]"
    result = runner.invoke(app, ["train", f"{recipes}:tiny", "--dry-run", "--set", freeze])
    assert result.exit_code == 2
    assert "nothing is left to train" in result.stdout


def test_an_interrupt_says_how_to_go_on(
    recipes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["train", f"{recipes}:interrupted", "--out", str(tmp_path)]) == 130
    [run] = tmp_path.iterdir()
    assert f"Interrupted. Go on with: gnomon train --resume {run}" in capsys.readouterr().err


def test_an_interrupt_before_the_run_began_says_so(
    recipes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["train", f"{recipes}:interrupted_early", "--out", str(tmp_path)]) == 130
    assert "Interrupted. The run had not begun." in capsys.readouterr().err


def test_an_interrupted_resume_names_the_same_run(
    recipes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_command(["train", f"{recipes}:interrupted", "--out", str(tmp_path)])
    [run] = tmp_path.iterdir()
    assert run_command(["train", "--resume", str(run)]) == 130
    assert capsys.readouterr().err.count(f"--resume {run}") == 2


def test_only_runs_made_since_then_are_named(tmp_path: Path) -> None:
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "recipe.yaml").touch()
    assert newest_run(tmp_path, time.time()) is not None
    assert newest_run(tmp_path, time.time() + 60) is None


def test_a_recipe_or_a_run_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["train"]) == 2
    assert "name a RECIPE" in capsys.readouterr().err


def test_a_resumed_run_keeps_its_recipe(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["train", "revisual-r1", "--resume", "runs/x"]) == 2
    assert "keeps its recipe" in capsys.readouterr().err


def test_resuming_what_is_no_run_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["train", "--resume", str(tmp_path)]) == 2
    assert "is not a run folder" in capsys.readouterr().err


def test_a_report_is_made_anew(finished: tuple[Path, str, str]) -> None:
    run, _, _ = finished
    (run / "report.html").unlink()
    result = runner.invoke(app, ["report", str(run)])
    assert result.exception is None
    assert f"Report: {run / 'report.html'}" in result.stdout
    assert (run / "report.html").is_file()


def test_a_report_can_be_opened(
    finished: tuple[Path, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _, _ = finished
    opened: list[str] = []
    monkeypatch.setattr("typer.launch", opened.append)
    runner.invoke(app, ["report", str(run), "--open"])
    assert opened == [(run / "report.html").resolve().as_uri()]


def test_a_report_of_what_is_no_run_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["report", str(tmp_path)]) == 2
    assert "is not a run folder" in capsys.readouterr().err


def test_an_evaluation_prints_a_table_and_writes_json(model: Path, tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    result = runner.invoke(
        app,
        [
            "evaluate",
            str(model),
            "microworld-text",
            "--items",
            "3",
            "--format",
            "direct",
            "--samples",
            "2",
            "--json",
            str(file),
        ],
    )
    assert result.exception is None, result.output
    assert "pass@2" in result.stdout
    written = json.loads(file.read_text())
    assert written["n"] == 3
    assert written["benchmark"] == "microworld-text"


def test_samples_without_temperature_are_refused(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["evaluate", str(model), "microworld-text", "--samples", "2", "--temperature", "0"]
    assert run_command(arguments) == 2
    assert "copies of one response" in " ".join(capsys.readouterr().err.split())


def test_an_unknown_benchmark_names_the_nearest_one(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["evaluate", str(model), "microworld-txt"]) == 2
    assert "did you mean 'microworld-text'?" in capsys.readouterr().err


def test_generate_prints_the_response_and_nothing_else(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from gnomon import generate
    from gnomon.report.terminal import safe_text

    assert run_command(["generate", str(model), "How many?", "--max-new-tokens", "4"]) == 0
    captured = capsys.readouterr()
    response = generate(str(model), "How many?", max_new_tokens=4)
    assert captured.out == safe_text(response) + "\n"
    assert captured.err == ""


def test_generate_with_a_missing_image_says_what_to_do(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["generate", str(model), "How many?", "--image", "/none/a.png"]) == 2
    assert "there is no image at /none/a.png: check the path" in capsys.readouterr().err


def test_the_doctor_shows_a_table() -> None:
    result = runner.invoke(app, ["doctor"])
    assert result.exit_code in (0, 1)
    for name in ("python", "torch", "memory", "chromium"):
        assert name in result.stdout


def test_an_objective_is_printed_with_its_constants_and_its_peers() -> None:
    arguments = ["objective", "revisual-r1", "--set", "stages.text-rl.loss.clip_high=0.28"]
    output = runner.invoke(app, arguments).output
    assert "Stage text-rl" in output and "1 + 0.28" in output
    assert all(peer in output for peer in ("verl", "TRL", "EasyR1"))
