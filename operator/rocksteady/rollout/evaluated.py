"""What was asked of revisions, and what an evaluation says of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from rocksteady.analysis.evaluation import ItemCounts
from rocksteady.analysis.evaluation_rules import EvaluationJudgement
from rocksteady.analysis.external_score import ScoreFound, ScoreJudgement
from rocksteady.analysis.item_results import ItemResult
from rocksteady.analysis.verdict import Verdict
from rocksteady.api.run_result import Amounts
from rocksteady.api.v1alpha1.llmrollout import EvaluationTest
from rocksteady.rollout.evaluation_runs import Run
from rocksteady.rollout.finding import Finding


@dataclass(frozen=True)
class Scores:
    """Scores that were found elsewhere.

    Attributes:
        found: By name and revision; None or absent: there is none.
        at_seconds: When they were read, in Unix time.
    """

    found: Mapping[tuple[str, str], ScoreFound | None]
    at_seconds: float


_NO_AMOUNTS: Final = Amounts()


@dataclass(frozen=True)
class Asked:
    """The items that a revision was asked, of all looks so far.

    Attributes:
        results: In the order of the suite's items.
        output_tokens: Of the answers.
        seconds: That the answers took.
        completed_at: When the last of its runs ended.
    """

    results: tuple[ItemResult, ...] = ()
    output_tokens: Amounts = _NO_AMOUNTS
    seconds: Amounts = _NO_AMOUNTS
    completed_at: datetime | None = None

    @property
    def counts(self) -> ItemCounts:
        """What they came to."""
        return ItemCounts(
            correct=self.results.count(ItemResult.CORRECT),
            wrong=self.results.count(ItemResult.WRONG),
            unanswered=self.results.count(ItemResult.UNANSWERED),
        )


@dataclass(frozen=True)
class Evaluated:
    """What one evaluation says.

    Attributes:
        test: What it judges by.
        verdict: None: it has none yet.
        message: Sentence without a full stop.
        needs: Runs without a result that the next look needs.
        trouble: Why such a run does not start or failed; None: nothing is in the way.
        judgement: The numbers; None: nothing was judged.
        canary: What the canary was asked.
        stable: What stable was asked; None: it is not compared.
        score: The numbers of a score that was found elsewhere; None: it is none.
    """

    test: EvaluationTest
    verdict: Verdict | None
    message: str
    needs: tuple[Run, ...] = ()
    trouble: Finding | None = None
    judgement: EvaluationJudgement | None = None
    canary: Asked = field(default_factory=Asked)
    stable: Asked | None = None
    score: ScoreJudgement | None = None

    @property
    def condemns(self) -> bool:
        """True when the canary must be rolled back for it."""
        return self.verdict is Verdict.FAILED and self.test.may_roll_back
