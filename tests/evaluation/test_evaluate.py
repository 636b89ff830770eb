from __future__ import annotations

import json

import pytest
import torch
from pydantic import BaseModel

from gnomon.evaluation.benchmarks import Benchmark
from gnomon.evaluation.evaluate import (
    EvaluationSettings,
    evaluate,
    evaluate_policy,
    usual_parts,
)
from gnomon.models.load import BUNDLED, ModelError
from gnomon.parts import BoundPart, Part, PartError, part
from gnomon.records import Answer, BadRecord, Message, Outcome, Sample, Verdict
from gnomon.run import Run
from gnomon.watch import Watcher

SHORT = EvaluationSettings(max_new_tokens=4)
MANY = EvaluationSettings(max_new_tokens=4, samples=3, temperature=1.0)


def by_reference(prediction, reference):
    """Whatever was answered, the outcome is the one that the reference names."""
    outcome = Outcome(reference.value)
    return Verdict(outcome, float(outcome is Outcome.CORRECT), prediction, reason="as told")


def even_length(prediction, reference):
    """An answer of an even number of characters is right."""
    right = len(prediction or "") % 2 == 0
    return Verdict(Outcome.CORRECT if right else Outcome.WRONG, float(right), prediction)


def breaks(prediction, reference):
    """Fails."""
    raise RuntimeError("out of order")


# Not registered, so that other tests do not meet them.
GRADERS = {
    function.__name__.replace("_", "-"): BoundPart(
        Part("grader", function.__name__, function, ("prediction", "reference"), BaseModel)
    )
    for function in (by_reference, even_length, breaks)
}


class Listener(Watcher):
    def __init__(self):
        self.events = []

    def started(self, name, total, done=0):
        self.events.append(("started", name, total))

    def advanced(self, done, values):
        self.events.append(("advanced", done, values["accuracy"]))

    def finished(self, summary=""):
        self.events.append(("finished", summary))

    def note(self, text):
        self.events.append(("note", text))

    def named(self, kind):
        return [event[1:] for event in self.events if event[0] == kind]


def asking(id, value="correct", text="2+3?", **given):
    return Sample(id, (Message("user", text),), answer=Answer("text", value), **given)


def ask(policy, samples, grader="by-reference", settings=SHORT, **given):
    benchmark = Benchmark("own", samples, "for a test")
    return evaluate_policy(
        policy,
        benchmark,
        style=part("format", "direct")(),
        grader=GRADERS.get(grader) or part("grader", grader),
        settings=settings,
        generator=torch.Generator().manual_seed(0),
        **given,
    )


def world(name, items=8):
    return part("benchmark", name, items=items)().samples


def test_accuracy_counts_the_items_that_the_grader_finds_right(tiny_policy):
    result = ask(tiny_policy, [asking("a"), asking("b", "wrong"), asking("c"), asking("d")])
    assert (result.accuracy, result.n, result.benchmark) == (0.75, 4, "own")
    assert result.low < 0.75 < result.high


@pytest.mark.parametrize("settings", [SHORT, MANY])
def test_the_same_weights_settings_and_generator_give_the_same_result(tiny_policy, settings):
    samples = world("microworld-reasoning")
    one, two = (ask(tiny_policy, samples, "even-length", settings) for _ in range(2))
    assert one == two


def test_chunks_do_not_change_greedy_responses(tiny_policy):
    samples = world("microworld-reasoning", 5)
    whole = ask(tiny_policy, samples, "even-length")
    cut = ask(tiny_policy, samples, "even-length", EvaluationSettings(max_new_tokens=4, chunk=2))
    assert [row["response"] for row in cut.rows] == [row["response"] for row in whole.rows]
    assert cut.accuracy == whole.accuracy


def test_every_response_of_every_item_is_a_row(tiny_policy):
    result = ask(tiny_policy, [asking("a"), asking("b")], settings=MANY)
    places = [(row["group"], row["member"], row["sample_id"]) for row in result.rows]
    assert places == [(0, 0, "a"), (0, 1, "a"), (0, 2, "a"), (1, 0, "b"), (1, 1, "b"), (1, 2, "b")]


def test_several_samples_bring_their_metrics_and_count_as_one_item(tiny_policy):
    result = ask(tiny_policy, [asking("a"), asking("b", "wrong")], settings=MANY)
    assert result.n == 2
    expected = {"pass@2": 0.5, "pass@3": 0.5, "mean@3": 0.5, "majority": 0.5}
    assert result.metrics == expected


def test_the_tasks_and_difficulties_of_the_microworld_are_told_apart(tiny_policy):
    result = ask(tiny_policy, world("microworld-text", 9), "lenient")
    assert sum(item.n for item in result.by_task.values()) == 9
    assert sum(item.n for item in result.by_difficulty.values()) == 9
    assert "arithmetic" in result.by_task


@pytest.mark.parametrize("outcome", ["timeout", "crash", "unparseable reference"])
def test_what_cannot_be_graded_is_left_out_and_named(tiny_policy, outcome):
    skipped = []
    samples = [asking("good"), asking("odd", outcome)]
    result = ask(tiny_policy, samples, on_skip=lambda *pair: skipped.append(pair))
    assert (result.accuracy, result.n) == (1.0, 1)
    assert result.outcomes == {"correct": 1, outcome: 1}
    assert list(result.excluded) == skipped == [("odd", f"{outcome}: as told")]
    assert len(result.rows) == 2


def test_a_grader_that_fails_does_not_stop_the_evaluation(tiny_policy):
    result = ask(tiny_policy, [asking("a")], "breaks")
    assert result.excluded == (("a", "crash: RuntimeError: out of order"),)


def test_an_item_that_cannot_be_encoded_is_skipped_with_its_reason(tiny_policy):
    skipped = []
    samples = [asking("long", text="word " * 9000), asking("good")]
    result = ask(tiny_policy, samples, on_skip=lambda *pair: skipped.append(pair))
    assert (result.n, list(result.skipped)) == (1, skipped)
    assert skipped[0][0] == "long" and "tokens long" in skipped[0][1]


def test_an_item_without_a_reference_is_skipped_before_it_is_asked(tiny_policy):
    result = ask(tiny_policy, [Sample("bare", (Message("user", "?"),)), asking("good")])
    assert result.skipped[0][0] == "bare" and "no reference answer" in result.skipped[0][1]
    assert [row["group"] for row in result.rows] == [1]


def test_a_worked_example_is_skipped_because_it_asks_nothing(tiny_policy):
    turns = (Message("user", "?"), Message("assistant", "5"))
    result = ask(tiny_policy, [Sample("told", turns, answer=Answer("integer", 5))])
    assert "assistant's turn" in result.skipped[0][1]
    assert result.n == 0


def test_records_that_cannot_be_read_are_named_by_their_number(tiny_policy, tmp_path):
    (tmp_path / "own.jsonl").write_text('{"problem": "2+3?", "answer": "5"}\nnonsense\n')
    samples = part("benchmark", "records", path=tmp_path / "own.jsonl")().samples
    result = ask(tiny_policy, samples, "lenient")
    assert result.n == 1
    assert result.skipped[0][0] == "own[1]" and "line 2: not JSON" in result.skipped[0][1]


def test_a_picture_of_a_record_may_not_leave_its_folder(tiny_policy, tmp_path):
    line = {"problem": "<image>?", "answer": "5", "images": ["../secret.png"]}
    (tmp_path / "own.jsonl").write_text(json.dumps(line))
    samples = part("benchmark", "records", path=tmp_path / "own.jsonl")().samples
    assert "outside the data folder" in ask(tiny_policy, samples, "lenient").skipped[0][1]


def test_a_watcher_sees_each_chunk_the_skips_and_the_result(tiny_policy):
    listener = Listener()
    samples = [asking("a"), asking("b", "crash"), asking("c", text="<|im_end|>")]
    settings = EvaluationSettings(max_new_tokens=4, chunk=2)
    result = ask(tiny_policy, samples, settings=settings, watcher=listener)
    assert listener.named("started") == [("evaluate own", 3)]
    assert listener.named("advanced") == [(2, 1.0), (3, 1.0)]
    assert listener.named("finished") == [(str(result),)]
    notes = " / ".join(note for (note,) in listener.named("note"))
    assert "skipped records: 1, the first c: " in notes
    assert "responses not graded: 1, the first b: crash: as told" in notes


def test_many_cut_responses_are_told_with_what_to_do(tiny_policy):
    listener = Listener()
    settings = EvaluationSettings(max_new_tokens=1)
    assert ask(tiny_policy, [asking("a")], settings=settings, watcher=listener).truncated == 1.0
    ((note,),) = listener.named("note")
    assert note.startswith("100% of the responses were cut at 1 tokens; ")


def test_a_run_folder_takes_the_result(tiny_policy, tmp_path):
    result = ask(tiny_policy, world("microworld-perception"), "lenient")
    run = Run.create(tmp_path, "own", "micro", "name: own\n")
    entry = {"step": 0, "benchmarks": {result.benchmark: result.to_dict()}}
    run.write_evaluation(0, "base", entry, result.rows, result.images)
    rows = run.evaluation_rows(0, "base")
    assert [row["response"] for row in rows] == [row["response"] for row in result.rows]
    assert rows[0]["advantage"] is None
    assert all((run.path / "rollouts/images" / name).is_file() for name in rows[0]["images"])
    assert run.evaluations()[0]["benchmarks"]["own"]["n"] == result.n


def test_without_a_usable_item_the_result_still_comes(tiny_policy):
    result = ask(tiny_policy, [Sample("bare", (Message("user", "?"),))])
    assert (result.n, result.rows, result.low, result.high) == (0, (), 0.0, 1.0)


def test_the_policy_goes_on_training_if_it_was(tiny_policy):
    tiny_policy.model.train()
    ask(tiny_policy, [asking("a")])
    assert tiny_policy.model.training


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"samples": 4}, "copies of one response"),
        ({"samples": 0}, "samples=0"),
        ({"max_new_tokens": 0}, "max_new_tokens=0"),
        ({"chunk": 0}, "chunk=0"),
        ({"temperature": -1}, "temperature=-1"),
        ({"top_p": 0}, "top_p=0"),
        ({"top_k": -1}, "top_k=-1"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        EvaluationSettings(**changes)


def test_a_model_folder_is_measured_by_name(tiny_folder):
    given = {"benchmark_settings": {"items": 4}, "settings": SHORT}
    result = evaluate(str(tiny_folder), "microworld-text", **given)
    assert (result.benchmark, result.n) == ("microworld-text", 4)
    assert result == evaluate(str(tiny_folder), "microworld-text", **given)
    assert result.rows[0]["prompt"].startswith("Think in <think></think>")


def test_format_and_grader_can_be_chosen(tiny_folder):
    given = {"benchmark_settings": {"items": 4}, "settings": SHORT}
    asked = {"format": "direct", "grader": "revisual"}
    result = evaluate(str(tiny_folder), "microworld-text", **asked, **given)
    assert not result.rows[0]["prompt"].startswith("Think")
    assert "unparseable answer" not in result.outcomes


def test_another_seed_samples_other_responses(tiny_folder):
    given = {"benchmark_settings": {"items": 4}, "settings": MANY}
    one, two = (evaluate(str(tiny_folder), "microworld-text", seed=s, **given) for s in (0, 1))
    assert [row["response"] for row in one.rows] != [row["response"] for row in two.rows]


def test_the_bundled_model_is_asked_directly_and_others_as_the_recipes_teach():
    assert {usual_parts(name) for name in BUNDLED} == {("direct", "lenient")}
    assert usual_parts("Qwen/Qwen2.5-VL-7B-Instruct") == ("think-boxed", "strict")


def test_a_misspelled_benchmark_is_refused_with_the_nearest_name(tiny_folder):
    with pytest.raises(PartError, match="did you mean 'microworld-text'"):
        evaluate(str(tiny_folder), "microworld-txt")


def test_a_missing_model_is_refused():
    with pytest.raises(ModelError, match="there is no model"):
        evaluate("./nowhere", "microworld-text")


def test_a_record_that_fails_on_access_is_skipped(tiny_policy):
    class Broken(list):
        def __getitem__(self, index):
            if index == 0:
                raise BadRecord("torn")
            return super().__getitem__(index)

    result = ask(tiny_policy, Broken([asking("a"), asking("b")]))
    assert (result.skipped, result.n) == ((("own[0]", "torn"),), 1)
