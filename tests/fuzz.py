"""Fuzzing of every parser and grader: no exception, no second of work, no evaluation of text.

    python tests/fuzz.py -runs=1000000 -timeout=20 -max_len=4096     (make fuzz)

With atheris (the extra ``fuzz``) the inputs follow coverage and the options are those of libFuzzer;
they begin with right answers for every target, and what a run finds interesting stays in .fuzz for
the next one. Without atheris they are seeded mutations of right answers. The limit of a second is
of processor time; ``-timeout``, by the clock, ends what would never end. What needs the symbolic
worker is read here and not compared: the worker is a process of its own, with a hard limit that has
its own tests.
"""

from __future__ import annotations

import contextlib
import functools
import random
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

try:
    import atheris
except ImportError:
    atheris = None

# Only what is imported inside is measured; elsewhere than in a fuzzing run, nothing is.
MEASURED = atheris is not None and __name__ == "__main__"
with atheris.instrument_imports(include=["gnomon"]) if MEASURED else contextlib.nullcontext():
    from examples import EXAMPLES
    from gnomon.formats.grammar import Format
    from gnomon.formats.lines import read_cues
    from gnomon.grading.closed_form import value_of
    from gnomon.grading.constraints import CONSTRAINTS, extract_response, follows
    from gnomon.grading.grade import lenient, strict
    from gnomon.grading.kinds import KINDS
    from gnomon.grading.mathruler import normalise_math, normalise_plain
    from gnomon.grading.prime import extract_answer
    from gnomon.grading.puzzles.expressions import exact_value
    from gnomon.grading.puzzles.families import check_puzzle
    from gnomon.grading.puzzles.literals import literal
    from gnomon.grading.released import RULES, answer_candidate, released
    from gnomon.grading.size import size_problem
    from gnomon.grading.structured import read_json, split_elements
    from gnomon.parts import load_kind, part
    from gnomon.records import Answer, Outcome
    from puzzles import CASES, Case

SECONDS = 1.0
SYMBOLIC = ("number", "expression", "operation")
SETTINGS = {
    "keywords": ["find"], "keyword": "find", "frequency": 1, "relation": "at least",
    "forbidden_words": ["find"], "num_words": 5, "num_bullets": 1, "num_highlights": 1,
    "section_spliter": "Section", "num_sections": 1, "prompt_to_repeat": "a", "end_phrase": "a",
    "capital_frequency": 1, "capital_relation": "at least",
}  # fmt: skip
EVALUATING = {
    "compile", "exec", "os.system", "os.exec", "os.fork", "os.posix_spawn", "subprocess.Popen",
    "socket.connect", "pickle.find_class", "ctypes.dlopen",
}  # fmt: skip
PIECES = [
    "<think>", "</think>", "<answer>", "</answer>", "<tool_response>", "</tool_response>",
    r"\boxed{", "}", "{", "[", "]", "(", ")", ",", ";", ":", "'", '"', "\\", "\n", " ", "```",
    r"\frac", r"\sqrt", "^", "!", "9" * 70, "1e999", "-", "--", "=", "$", "%", "*", "Hint:", "NaN",
    "Answer the question", "Route Name: ", "null", "true", "no", "A", "è", "\ud800", "\x00",
    "__import__('os').system('false')", "eval(1)", "lambda: 0",
]  # fmt: skip


class Found(AssertionError):
    """A failure: the text, its target, and what happened."""


def _graded(answer: Answer, text: str) -> None:
    if answer.kind in SYMBOLIC:
        KINDS[answer.kind].read(text, answer, True)
        KINDS[answer.kind].read(text, answer, False)
        return
    for grader in (strict, lenient):
        verdict = grader(text, answer)
        assert 0.0 <= verdict.score <= 1.0
        assert verdict.correct or verdict.score < 1.0


def _parsed(style: Format, text: str) -> None:
    parsed = style.parse(text)
    assert parsed.well_formed == (parsed.reason == "")


def _released(system: str, text: str) -> None:
    for answer, *_ in EXAMPLES:
        released(text, answer, system=system)  # type: ignore[arg-type]


def _checked(case: Case, text: str) -> None:
    for mode in ("strict", "released"):
        outcome, reason = check_puzzle(text, case.answer.value, mode)
        assert outcome in (Outcome.CORRECT, Outcome.WRONG, Outcome.UNPARSEABLE_ANSWER)
        assert reason


def _small(text: str) -> None:
    if size_problem(text) is None:
        value_of(text)


@functools.cache
def targets() -> dict[str, Callable[[str], object]]:
    """Every parser and grader by name, warmed up so that no later call imports anything."""
    table: dict[str, Callable[[str], object]] = {
        f"format {name}": functools.partial(_parsed, part("format", name)())
        for name in sorted(load_kind("format"))
    }
    for answer, right, _ in EXAMPLES:
        table[f"kind {answer.kind}"] = functools.partial(_graded, answer)
        table[f"load {answer.kind}"] = KINDS[answer.kind].load
        _graded(answer, right)
    for case in CASES:
        if case.family not in SYMBOLIC:
            table[f"puzzle {case.family}"] = functools.partial(_checked, case)
    for system in sorted(RULES.keys() - {"mathif", "apo", "observe-r1"}):
        table[f"released {system}"] = functools.partial(_released, system)
    for name in sorted(CONSTRAINTS.keys() - {"language:response_language"}):
        if not name.startswith("change_case:english"):
            table[f"constraint {name}"] = functools.partial(_followed, name)
    extras = (
        read_cues, _small, extract_response, normalise_math, normalise_plain, extract_answer,
        read_json, split_elements, functools.partial(read_json, quotes=True), literal, exact_value,
        functools.partial(exact_value, powers=True), answer_candidate,
    )  # fmt: skip
    return table | {f"reader {number}": reader for number, reader in enumerate(extras)}


def _followed(name: str, text: str) -> None:
    follows(text, name, SETTINGS)


_EVENTS: list[str] = []
_STATE = {"watching": False, "hooked": False}


def _hook(event: str, arguments: object) -> None:
    if _STATE["watching"] and event in EVALUATING:
        _EVENTS.append(event)


def try_text(name: str, text: str) -> None:
    """Run one target on one text; raises `Found` when it fails."""
    if not _STATE["hooked"]:
        sys.addaudithook(_hook)
        _STATE["hooked"] = True
    target = targets()[name]
    _EVENTS.clear()
    start = time.process_time()
    _STATE["watching"] = True
    try:
        target(text)
    except Exception as error:
        raise Found(f"{name} raised {error!r} on {text[:500]!r}") from error
    finally:
        _STATE["watching"] = False
    spent = time.process_time() - start
    if spent > SECONDS:
        raise Found(f"{name} took {spent:.1f} s on {text[:500]!r}")
    if _EVENTS:
        raise Found(f"{name} caused {_EVENTS} on {text[:500]!r}")


def try_bytes(data: bytes) -> None:
    """What libFuzzer calls: two bytes choose the target, the rest is the text."""
    names = list(targets())
    name = names[int.from_bytes(data[:2], "big") % len(names)]
    try_text(name, data[2:].decode("utf-8", "surrogateescape"))


def answers(rng: random.Random) -> list[str]:
    """Right and wrong answers of every kind, and one response in every format."""
    texts = [right for _, right, _ in EXAMPLES]
    texts += [text for case in CASES for text in (*case.right, *case.wrong) if text]
    return texts + [
        part("format", name)().render("a", rng.choice(texts)) for name in load_kind("format")
    ]


def write_seeds(folder: Path, each: int = 4) -> list[str]:
    """Inputs to begin with, ``each`` for every target, and a dictionary; options of libFuzzer."""
    rng = random.Random(0)
    texts = answers(rng)
    corpus, words = folder / "corpus", folder / "words"
    corpus.mkdir(parents=True, exist_ok=True)
    own = {f"kind {answer.kind}": right for answer, right, _ in EXAMPLES}
    for number, name in enumerate(targets()):
        for place, text in enumerate([own.get(name, ""), *rng.sample(texts, each - 1)]):
            data = number.to_bytes(2, "big") + text.encode("utf-8", "replace")
            (corpus / f"seed-{number}-{place}").write_bytes(data)
    spelled = (piece.encode("utf-8", "replace")[:64] for piece in PIECES)
    words.write_text("".join(map(_quoted, spelled)))
    return [f"-dict={words}", f"-artifact_prefix={folder}/", str(corpus)]


def _quoted(word: bytes) -> str:
    return '"' + "".join(f"\\x{byte:02x}" for byte in word) + '"\n'


def mutations(seed: int, count: int) -> Iterator[tuple[str, str]]:
    """Targets and texts: right answers that are cut, repeated, joined and spiked with pieces."""
    rng = random.Random(seed)
    names, texts = list(targets()), answers(rng)
    for _ in range(count):
        pieces = re.findall(r"\w+|\W", rng.choice(texts)) + rng.choices(PIECES, k=rng.randint(0, 6))
        if rng.random() < 0.5:
            rng.shuffle(pieces)
        piece = rng.choice(pieces)
        place = rng.randrange(len(pieces))
        pieces[place:place] = [piece] * rng.choice([0, 1, 2, 200])
        yield rng.choice(names), "".join(pieces)[: rng.choice([20, 200, 4000])]


def main() -> None:
    """Fuzz with atheris where it is installed, else with mutations."""
    if atheris is None:
        runs = [int(item[6:]) for item in sys.argv if item.startswith("-runs=")] or [1_000_000]
        print(f"atheris is not installed: {runs[0]} mutations", file=sys.stderr)
        for number, (name, text) in enumerate(mutations(0, runs[0]), 1):
            try_text(name, text)
            if number % 50_000 == 0:
                print(f"{number} of {runs[0]}", file=sys.stderr)
        return
    atheris.Setup([*sys.argv, *write_seeds(Path(".fuzz"))], try_bytes)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
