from __future__ import annotations

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from gnomon.cli import app, main, run_command

runner = CliRunner()


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
