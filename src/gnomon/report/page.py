"""The report: one self-contained page that shows a whole run, its numbers and what the model wrote.

The page needs no network and no other file. Text that a model wrote reaches it in two ways only:
through a template that escapes everything, and as JSON that the page's script shows as text.
A Content-Security-Policy allows that one script, by its hash, and nothing else.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from gnomon.disk import write_atomic
from gnomon.logs import read_json
from gnomon.report import curves, tables, text
from gnomon.report.gallery import choose_rollouts
from gnomon.report.inline import inline_images, json_for_script
from gnomon.run import IMAGES, Run

PAGE = "report.html"
MAX_IMAGE_BYTES = 4_500_000
"""With the limit on texts and the rest of the page this keeps the file below 8 MB (ours)."""
MAX_PROBLEMS = 20
_TIME = re.compile(r"-(\d{8}-\d{6})(?:-\d+)?$")


@dataclass(frozen=True)
class Head:
    """What a run is: the facts at the top of the page. Empty texts are not shown."""

    recipe: str
    description: str
    status: str
    message: str
    facts: tuple[tuple[str, str], ...]


def write_report(run: Run) -> Path:
    """Write ``report.html`` into the run folder and return its path; an old one is replaced.

    Works at any time: what a run has not written yet is left out of the page. The file stays below
    8 MB; the page says how many rollouts it shows of how many. Damaged rollout files and images are
    named in the page. Raises `gnomon.logs.RunError` for a damaged log. Source: ours.
    """
    return write_atomic(run.path / PAGE, _render(run).encode())


def _render(run: Run) -> str:
    summary, evaluations = run.summary(), run.evaluations()
    metrics, timings, skipped = run.metrics(), run.timings(), run.skipped()
    gallery = choose_rollouts(run)
    images, problems = inline_images(run.path / IMAGES, gallery.images, MAX_IMAGE_BYTES)
    sections = curves.make_sections(metrics)
    panels = [panel for section in sections for panel in section.panels]
    rows = tables.stage_rows(summary, evaluations, metrics, timings, skipped)
    bars = tables.phase_bars(timings)
    skips = tables.skip_rows(skipped)
    recipe = _read_text(run.path / "recipe.yaml")
    environment = read_json(run.path / "environment.json")
    payload = {
        "images": images,
        "cards": gallery.cards,
        "panels": [curves.hover_data(panel) for panel in panels],
    }
    script = Markup(resource("page.js"))
    return template("page.html").render(
        policy=_policy(script),
        style=Markup(resource("page.css")),
        script=script,
        payload=Markup(json_for_script(payload)),
        head=_head(run, summary, recipe, environment, rows),
        base=next((row for row in rows if row.index == 0 and row.estimate), None),
        final=next((row for row in reversed(rows) if row.index > 0 and row.estimate), None),
        rows=rows,
        heats=tables.heat_tables(evaluations),
        sections=[(each.title, list(map(_drawn, each.panels)), each.left_out) for each in sections],
        bars=bars,
        longest=max((bar.total for bar in bars), default=0.0),
        phases=tables.phase_names(bars),
        gallery=gallery,
        problems=[*gallery.problems, *problems][:MAX_PROBLEMS],
        skips=skips[: tables.MAX_SKIP_ROWS],
        skip_kinds=len(skips),
        skip_count=len(skipped),
        recipe=text.clip(recipe, 200_000, 0),
        environment=_flat(environment),
    )


@dataclass(frozen=True)
class Drawn:
    """A panel as the template needs it."""

    title: str
    unit: str
    chart: Markup
    summary: str
    legend: tuple[str, ...]


def _drawn(panel: curves.Panel) -> Drawn:
    names = tuple(series.name for series in panel.series)
    legend = names if len(names) > 1 else ()
    return Drawn(panel.title, panel.unit, curves.draw(panel), curves.summary_line(panel), legend)


# -- the head -------------------------------------------------------------------------------------


def _head(
    run: Run,
    summary: Mapping[str, Any],
    recipe_text: str,
    environment: Mapping[str, Any],
    rows: list[tables.StageRow],
) -> Head:
    recipe = _parse_recipe(recipe_text)
    model = recipe.get("model")
    spent = [row.seconds for row in rows if row.seconds is not None]
    facts = {
        "Scale": summary.get("scale", recipe.get("scale")),
        "Seed": summary.get("seed", recipe.get("seed")),
        "Model": model.get("path") if isinstance(model, dict) else model,
        "Started": _started(run.path),
        "Total time": text.duration(sum(spent)) if spent else None,
        "Commit": _commit(environment.get("git")),
        "Device": environment.get("device"),
    }
    return Head(
        recipe=str(summary.get("recipe") or recipe.get("name") or run.path.name),
        description=str(recipe.get("description") or ""),
        status=str(summary.get("status") or "unfinished"),
        message=str(summary.get("message") or ""),
        facts=tuple((name, str(value)) for name, value in facts.items() if value not in (None, "")),
    )


def _parse_recipe(recipe: str) -> dict[str, Any]:
    try:
        found = yaml.safe_load(recipe)
    except (yaml.YAMLError, RecursionError, ValueError):
        return {}  # the page still shows the text
    return found if isinstance(found, dict) else {}


def _started(path: Path) -> str | None:
    match = _TIME.search(path.name)
    try:
        return (
            f"{datetime.strptime(match.group(1), '%Y%m%d-%H%M%S'):%Y-%m-%d %H:%M}"
            if match
            else None
        )
    except ValueError:
        return None


def _commit(git: Any) -> str | None:
    if not isinstance(git, dict) or not git.get("commit"):
        return None
    return str(git["commit"])[:10] + (" with changes" if git.get("dirty") else "")


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested values as rows: ``packages.torch``."""
    rows: list[tuple[str, str]] = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            rows += _flat(value, f"{prefix}{name}.")
        else:
            rows.append((f"{prefix}{name}", text.NOTHING if value is None else str(value)))
    return rows


# -- the template ---------------------------------------------------------------------------------


def _read_text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


@functools.cache
def resource(name: str) -> str:
    """The text of a file of the page: a template, a style or a script."""
    return resources.files("gnomon.report").joinpath(name).read_text(encoding="utf-8")


def _policy(script: str) -> str:
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )


def _finalize(value: Any) -> Any:
    """What the template shows of any value but markup: nothing hidden, nothing reordered."""
    plain = isinstance(value, str) and not isinstance(value, Markup)
    return text.visible(value) if plain else value


@functools.cache
def template(name: str) -> Template:
    """A template that escapes all that it is given, but markup, and shows hidden characters."""
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    environment.filters.update(
        number=text.number, percent=text.percent, points=text.points, duration=text.duration
    )
    return environment.from_string(resource(name))
