"""Rollouts of the pure machine that are gated on a suite, from what its items came to."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from rocksteady.api.suite_content import content_hash, in_order
from rocksteady.api.suite_validation import validate_suite
from rocksteady.rollout.evaluation_runs import Run, RunSeen, part_of
from rocksteady.rollout.observation import Observation
from rocksteady.rollout.suites import Suite, looks_of
from tests.builders import A, B
from tests.fakes.evaluations import GOLDEN, suite, told
from tests.fakes.rollout_story import RolloutStory


def suite_of(items: int, name: str = GOLDEN, **spec: Any) -> Suite:
    """A suite of so many questions, as it is run."""
    validation = validate_suite(suite(items, name, **spec), strict=True)
    assert validation.suite is not None, validation.errors
    assert validation.items is not None
    asked = tuple(in_order(validation.items))
    found = validation.suite.spec
    return Suite(name, content_hash(found, asked, {}), found, asked, {})


@dataclass
class EvaluatedStory(RolloutStory):
    """See the module.

    Attributes:
        suites: The suites of the spec.
        stage: When they gate.
        results: What the items of each came to, by revision: a letter each, as `told` has it. A
            revision that is not in it is still being asked.
        tokens: What an answer takes, by revision.
    """

    suites: tuple[Suite, ...] = ()
    stage: str = "BeforeTraffic"
    results: Mapping[str, str] = field(default_factory=dict)
    tokens: Mapping[str, float] = field(default_factory=dict)

    @property
    def spec(self) -> dict[str, Any]:
        """As the user writes it."""
        gates = [{"suite": one.name, "stage": self.stage} for one in self.suites]
        return {**super().spec, "evaluations": gates}

    def _seen(self) -> Observation:
        suites = {one.name: one for one in self.suites}
        runs = dict(pair for one in self.suites for pair in self._runs(one).items())
        return replace(super()._seen(), suites=suites, runs=runs)

    def _runs(self, of: Suite) -> dict[Run, RunSeen]:
        found = {}
        for revision, letters in self.results.items():
            looks = looks_of(of)
            for number in range(1, len(looks) + 1):
                part = part_of(looks, number)
                asked = letters[part.first_item : part.first_item + (part.items or 0)]
                result = told(asked, part.first_item, self.tokens.get(revision, 10.0))
                found[Run(revision, of.content, number)] = RunSeen(result, self.now, is_kept=True)
        return found


def equal() -> EvaluatedStory:
    """A canary that answers as stable does, but for one item."""
    results = {A: "1" * 150, B: "0" + "1" * 149}
    return EvaluatedStory(suites=(suite_of(150, marginPoints="5"),), results=results)


def worse() -> EvaluatedStory:
    """A canary that has lost every fourth item."""
    results = {A: "1" * 40, B: "0" * 10 + "1" * 29 + "-"}
    return EvaluatedStory(suites=(suite_of(40),), results=results)
