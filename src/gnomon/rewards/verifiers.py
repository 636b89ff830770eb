"""Verifiers: a reader decides whether an answer is the reference answer, where rules cannot.

Sources: General-Reasoner, arXiv 2505.14652; WeThink, arXiv 2506.07905; DeFacto, arXiv 2509.20912;
Skywork-R1V3, arXiv 2507.06167.
What `gnomon.rewards.judges` says about judges that are talked to holds here too.
"""

from __future__ import annotations

from collections.abc import Sequence

from gnomon.auxiliary.reader import Reader, Request
from gnomon.grading.grade import reference_text
from gnomon.parts import register
from gnomon.records import Graded, Group, Sample
from gnomon.rewards.asking import Table, ask_about, question_of
from gnomon.rewards.choices import final_answer, meta_options, rule_answer, verified_score
from gnomon.rewards.evidence import abstains, same_words, variant_answer, variant_of
from gnomon.rewards.judges import FENCED, SCALE, fenced, gold_text, request
from gnomon.rewards.replies import bare_number, final_decision, one_or_zero
from gnomon.rewards.sections import any_case_block, column_of, last_block
from gnomon.rewards.terms import accuracy

_VERIFY_SYSTEM = (
    "Decide whether a student's answer is equivalent to the reference answer. Do not solve the "
    "question. End with 'Final Decision: Yes' or 'Final Decision: No'. " + FENCED
)


@register("reward")
def equivalence_verifier(groups: Sequence[Group], ask: Reader, *, exact: bool = True) -> Table:
    """General-Reasoner: 1 - 0.05 per token of difference if a verifier accepts; -0.5 unread.

    The student's answer is `final_answer` of the response; without one the verifier gets "None" and
    0.5 is taken off. Lengths are whitespace words here, at most 10 apart (the released code counts
    the policy's tokens). A reply without a decision, or a failed one, is a No. ``exact`` False: the
    released test, which "Final Decision: Yes or No" passes. None without a reference. Only the last
    box counts; answers that speak to the verifier can game it. Source: arXiv 2505.14652.
    """

    def plan(sample: Sample, member: Graded) -> Request | float | None:
        gold = gold_text(sample)
        if gold is None:
            return None
        return _equivalence(sample, gold, str(final_answer(member.rollout.text)))

    def read(sample: Sample, member: Graded, reply: str | None) -> float:
        said = final_answer(member.rollout.text)
        sizes = (len((said or "No Answer").split()), len((gold_text(sample) or "").split()))
        return verified_score(bool(final_decision(reply, exact=exact)), said, sizes)

    return ask_about(groups, ask, plan, read)


def _equivalence(sample: Sample, gold: str, said: str) -> Request:
    asked = f"Question: {question_of(sample)}\nReference answer: {gold}"
    return request(f"{asked}\n\n{fenced('student answer', said)}", _VERIFY_SYSTEM)


@register("reward")
def rule_or_verifier(groups: Sequence[Group], ask: Reader) -> Table:
    """Skywork-R1V3: 1 when the rule or a verifier accepts the answer, else 0.

    Formula: max([the grader finds it right], [the verifier accepts it])

    The rule is the stage's grader. The verifier is asked only where that did not accept; it sees
    question, reference and what `summary` shows, nothing of the thought, and is not asked where
    there is nothing to show. A reply without a decision, or a failed one, is a No. Where the grader
    itself failed, a No leaves the answer undecided: None, as without a reference. The OR has the
    recall of both and the false accepts of both: an answer that speaks to the verifier can game it,
    and `verifier-disagreement` says how often the two differ. Weight 0.8, with 0.2 for the format.
    Source: arXiv 2507.06167; what the verifier is shown and told, and failures, are ours.
    """

    def plan(sample: Sample, member: Graded) -> Request | float | None:
        gold, ruled = gold_text(sample), accuracy(member.verdict)
        said = summary(member.rollout.text)
        if gold is None:
            return None
        return _equivalence(sample, gold, said) if ruled != 1 and said else ruled

    def read(sample: Sample, member: Graded, reply: str | None) -> float | None:
        return 1.0 if final_decision(reply) else accuracy(member.verdict)

    return ask_about(groups, ask, plan, read)


@register("reward")
def verifier_disagreement(groups: Sequence[Group], ask: Reader) -> Table:
    """1 where the grader and the verifier of `rule-or-verifier` differ, 0 where they agree.

    Formula: [the grader finds it right] != [the verifier accepts it]

    Give it weight 0: its mean is logged with every step, and the rollouts are stored with their
    scores. With a weight it can be gamed, by answers on which the two differ. The verifier is asked
    about every answer, so one that the grader refused is asked about by both terms. None without a
    reference, without a decision of either, and where there is nothing to show. Source: arXiv
    2507.06167 has the two verdicts; counting where they differ is ours.
    """

    def plan(sample: Sample, member: Graded) -> Request | None:
        gold, said = gold_text(sample), summary(member.rollout.text)
        if gold is None or not said or accuracy(member.verdict) is None:
            return None
        return _equivalence(sample, gold, said)

    def read(sample: Sample, member: Graded, reply: str | None) -> float | None:
        accepted = final_decision(reply)
        return None if accepted is None else float(accepted != member.verdict.correct)

    return ask_about(groups, ask, plan, read)


def summary(text: str) -> str:
    """The stripped text behind the last closing think tag, or all of it without think tags.

    Empty where a thought is opened and never closed: a cut response has no answer to show. Source:
    ours, for the summary of Skywork-R1V3, arXiv 2507.06167.

    >>> summary("<think> 2 + 3 </think> It is 5."), summary("It is 5."), summary("<think> 2 + 3")
    ('It is 5.', 'It is 5.', '')
    """
    _, _, rest = text.rpartition("</think>")
    return "" if "<think>" in rest else rest.strip()


_TIERS = (0.0, 0.5, 1.0)
_TIER_SYSTEM = (
    "Compare an answer with the reference: 1 when it says the same, 0.5 when it says most of it "
    "and contradicts nothing, 0 else. " + SCALE
)


@register("reward")
def hybrid_answer(groups: Sequence[Group], ask: Reader, *, column: str = "category") -> Table:
    """WeThink: a rule decides closed questions, a judge descriptive ones; in [0, 1].

    Reads the last answer block; 0 without a body. ``column`` holds multiple choice,
    fill-in-the-blank or descriptive. A judge's reply other than 0, 0.5 or 1 scores 0. None without
    a reference. Several letters in one block: the first counts. Weights 0.7 with 0.3 for the
    format. Source: WeThink, arXiv 2506.07905.
    """

    def plan(sample: Sample, member: Graded) -> Request | float | None:
        if sample.answer is None:
            return None
        gold, options = reference_text(sample.answer), meta_options(sample)
        text = member.rollout.text
        score = rule_answer(text, gold, str(column_of(sample, column)), options)
        if score is not None:
            return score
        said = fenced("answer", (last_block(text, "answer") or "").strip())
        asked = f"Question: {question_of(sample)}\nReference: {gold}"
        return request(f"{asked}\n\n{said}", _TIER_SYSTEM)

    def read(sample: Sample, member: Graded, reply: str | None) -> float:
        value = bare_number(reply, low=-1, high=2)
        return value if value in _TIERS and value is not None else 0.0

    return ask_about(groups, ask, plan, read)


_SAME_SYSTEM = (
    "Do two answers to one question mean the same? Reply 1 for yes and 0 for no, nothing else. "
    + FENCED
)
_UNKNOWN_SYSTEM = (
    "Does the answer say that the question cannot be answered? Reply 1 for yes and 0 for no, "
    "nothing else. " + FENCED
)


@register("reward")
def variant_judged(groups: Sequence[Group], ask: Reader, *, column: str = "type") -> Table:
    """R_ans of DeFacto v2 by image variant, from -1.5 to 1, see `variant_answer`.

    The first answer block in any case of its tags, stripped; equal after lower-casing and
    collapsing blanks, else a judge says 1 or 0 (failed: 0). On "cf" the judge may find an
    abstention that the phrases miss; the exact match with the reference is by rule alone. Naming
    the answer and "unknown" in one block costs 0.2. Columns ``type`` and ``y_star``. Source: arXiv
    2509.20912.
    """

    def plan(sample: Sample, member: Graded) -> Request | float:
        kind, gold = variant_of(sample, column), str(column_of(sample, "y_star"))
        said = (any_case_block(member.rollout.text, "answer") or "").strip()
        equal, abstained = same_words(said, gold), abstains(said)
        if not said or (equal if kind != "cf" else abstained):
            return variant_answer(float(equal), abstained, equal, kind)
        body = fenced("answer", said)
        if kind == "cf":
            return request(body, _UNKNOWN_SYSTEM)
        return request(f"{question_of(sample)}\nReference: {gold}\n\n{body}", _SAME_SYSTEM)

    def read(sample: Sample, member: Graded, reply: str | None) -> float:
        kind, gold = variant_of(sample, column), str(column_of(sample, "y_star"))
        said = (any_case_block(member.rollout.text, "answer") or "").strip()
        equal, yes = same_words(said, gold), bool(one_or_zero(reply))
        if kind == "cf":
            return variant_answer(0.0, yes, equal, kind)
        return variant_answer(float(yes), abstains(said), equal, kind)

    return ask_about(groups, ask, plan, read)
