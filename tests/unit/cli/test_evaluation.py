"""What `eval show` and `eval diff` tell of results that the operator keeps."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from click.testing import Result

from rocksteady.api.run_result import RunOutcome, RunResult
from rocksteady.cli.evaluation_diff import Wanted, difference_of
from rocksteady.cli.evaluation_results import read_results
from rocksteady.cli.session import Session
from rocksteady.errors import Forbidden
from rocksteady.ports import Manifest
from rocksteady.reconcile.evaluations import kept_part
from rocksteady.resources import kinds
from rocksteady.resources.evaluation import Content, build_content, build_results
from rocksteady.resources.owned import Owner
from rocksteady.rollout.evaluation_runs import RunSeen
from rocksteady.rollout.suites import Suite
from tests.builders import NAME, NAMESPACE, NOW, UID, A, B, C, llm_deployment
from tests.fakes.evaluated_story import equal, suite_of
from tests.fakes.evaluations import GOLDEN, EvaluatedSimulation, scores, suite, told
from tests.fakes.persons_world import PersonsFake, PersonsWorld
from tests.fakes.recording import FakeClock
from tests.fakes.rollout_story import rollout_manifest
from tests.fakes.rollouts import judged

OWNER = Owner(NAMESPACE, NAME, UID)
ESCAPE = "\x1b[2J"


@dataclass
class Kept:
    """What the operator keeps of a suite.

    Attributes:
        suite: What was asked.
        results: Of each run, by revision.
        has_items: False where only a runner knows the items.
    """

    suite: Suite
    results: Mapping[str, list[RunResult]] = field(default_factory=dict)
    has_items: bool = True

    def manifests(self) -> list[Manifest]:
        of = self.suite
        items = of.items if self.has_items else None
        content = Content(of.name, of.content_hash, of.spec, self.has_items, ())
        found = [build_content(OWNER, content, items, {})]
        for revision, runs in self.results.items():
            ended = NOW - timedelta(minutes=5)
            parts = {part: kept_part(RunSeen(run, ended)) for part, run in enumerate(runs, 1)}
            whole = {part: kept for part, kept in parts.items() if kept is not None}
            found.append(build_results(OWNER, revision, of.content, whole))
        return found


def six(**spec: Any) -> Suite:
    return suite_of(6, **spec)


def answered(one: Suite, stable: str = "111100", canary: str = "011010") -> Kept:
    return Kept(one, {A: [told(stable)], B: [told(canary)]})


def world_of(*kept: Kept, attempts: bool = True) -> PersonsWorld:
    """A world with what is kept, where B was tried against A."""
    deployment = llm_deployment()
    deployment["metadata"]["uid"] = UID
    story = equal().run(30)
    records = [rollout_manifest("chat-1", story.attempt)] if attempts else []
    manifests = [manifest for one in kept for manifest in one.manifests()]
    return PersonsWorld([deployment, *records, *manifests], FakeClock(NOW))


def shown(world: PersonsWorld, *arguments: str) -> Result:
    return world.run("eval", "diff", NAME, GOLDEN, *arguments)


# --- show


def test_show__lists_results_by_suite_and_revision() -> None:
    other = Kept(suite_of(2, "attacks", kind="Safety", marginPoints=None), {C: [told("1-")]})

    result = world_of(answered(six()), other).run("eval", "show", NAME)

    assert result.exit_code == 0, result.output
    lines = [line.split() for line in result.output.splitlines()]
    assert lines[0][:3] == ["SUITE", "CONTENT", "REVISION"]
    assert [(line[0], line[2]) for line in lines[1:]] == [
        ("attacks", C),
        ("golden", "r2"),
        ("golden", "r1"),
    ]
    assert lines[1][3:] == ["100", "%", "1", "2", "10", "5m", "gate"]
    assert lines[2][3:] == ["(bbbbbbbbbb)", "50", "%", "6", "6", "10", "5m", "gate"]


def test_show__puts_the_runs_of_several_looks_together() -> None:
    runs = [told("111"), told("10-", first=3)]
    [found] = json.loads(
        world_of(Kept(six(), {A: runs})).run("eval", "show", NAME, "-o", "json").output
    )

    assert (found["correct"], found["wrong"], found["unanswered"]) == (4, 1, 1)
    assert found["outputTokens"] == {"count": 6, "sum": 60.0, "sumOfSquares": 600.0}
    assert (found["label"], found["trouble"]) == ("r1 (aaaaaaaaaa)", "")


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        pytest.param(
            [RunResult(outcome=RunOutcome.ERROR, message="no items")],
            "golden on r1 (aaaaaaaaaa): no items",
            id="a run that ended with an error",
        ),
        pytest.param(
            [told("111"), told("1", first=5)],
            "run 2 begins with item 5, and 3 were asked before",
            id="runs that do not follow each other",
        ),
    ],
)
def test_show__says_of_what_nothing_can_be_said(runs: list[RunResult], said: str) -> None:
    result = world_of(Kept(six(), {A: runs})).run("eval", "show", NAME)

    assert result.exit_code == 0, result.output
    assert said in result.output


def test_show__of_nothing_says_so() -> None:
    result = world_of().run("eval", "show", NAME)

    assert (result.exit_code, result.output) == (
        0,
        "no results of suites are kept of llmdeployment chat\n",
    )


def test_show__passes_over_what_another_deployment_of_this_name_left() -> None:
    world = world_of(answered(six()))
    for manifest in world.cluster.of_kind(kinds.CONFIG_MAP).values():
        manifest["metadata"]["ownerReferences"][0]["uid"] = "another"

    assert "no results of suites are kept" in world.run("eval", "show", NAME).output


# --- diff


def test_diff__names_what_stable_had_and_what_the_canary_has_by_id() -> None:
    one = six()
    assert one.items is not None
    ids = [item.id for item in one.items]

    result = shown(world_of(answered(one)))

    assert result.exit_code == 0, result.output
    assert result.output.splitlines() == [
        f"golden ({one.content}), from r1 (aaaaaaaaaa) to r2 (bbbbbbbbbb): 6 items compared",
        "lost: 2, correct on r1 (aaaaaaaaaa) only",
        f"  {ids[0]}",
        f"  {ids[3]}",
        "gained: 1, correct on r2 (bbbbbbbbbb) only",
        f"  {ids[4]}",
        "Prompts are not shown: the suite does not say reveal: true.",
        "Answers are in no result: the suite has no artifacts.",
    ]


def test_diff__shows_prompts_of_a_suite_that_reveals_them_and_lets_none_steer() -> None:
    one = six(reveal=True)
    assert one.items is not None
    hostile = one.items[0].model_copy(update={"prompt": f"{ESCAPE}a\nb{'c' * 300}"})

    world = world_of(answered(replace(one, items=(hostile, *one.items[1:]))))
    text = shown(world).output
    data = json.loads(shown(world, "-o", "json").output)

    assert ESCAPE not in text
    assert f"  {hostile.id}  \\x1b[2Ja\\nbccc" in text
    assert "ccc...\n" in text
    assert data["lost"][0]["prompt"] == hostile.prompt


@pytest.mark.parametrize(
    ("kept", "now", "reveals"),
    [
        pytest.param(True, False, False, id="what is private by now stays so"),
        pytest.param(False, True, True, id="what may be shown by now is shown"),
        pytest.param(True, None, True, id="of a suite that is gone, what it said last"),
    ],
)
def test_diff__goes_by_what_the_suite_says_now(
    kept: bool,  # noqa: FBT001
    now: bool | None,  # noqa: FBT001
    reveals: bool,  # noqa: FBT001
) -> None:
    world = world_of(answered(six(reveal=kept)))
    if now is not None:
        world.cluster.put(suite(6, reveal=now))

    assert ("What is" in shown(world).output) == reveals


def test_diff__of_a_suite_that_may_not_be_read_shows_no_prompt() -> None:
    world = world_of(answered(six(reveal=True)))
    world.cluster.without.add(kinds.EVALUATION_SUITE)

    assert "What is" not in shown(world).output


def test_diff__says_what_it_leaves_out() -> None:
    kept = Kept(
        six(artifacts={"claimName": "evaluation-answers"}),
        {A: [told("111"), told("11", first=3)], B: [told("01-")]},
    )

    output = shown(world_of(kept)).output

    assert "2 items compared" in output
    assert "r2 (bbbbbbbbbb) did not answer 1 of the items: these are not compared.\n" in output
    assert "2 more items were asked of one of the two only" in output
    assert "Answers are in no result" in output
    assert "they are in PersistentVolumeClaim evaluation-answers.\n" in output


def test_diff__names_items_by_place_where_only_the_runner_knows_them() -> None:
    kept = answered(six())
    kept.has_items = False

    output = shown(world_of(kept)).output

    assert "  #0\n  #3\n" in output
    assert "Only the runner knows the items: they are named by their place, from 0.\n" in output


def test_diff__takes_other_revisions_by_number_or_hash() -> None:
    kept = answered(six())
    kept.results = {**kept.results, C: [told("111111")]}

    result = shown(world_of(kept), "--from", C, "--to", "r2")

    assert f"from {C} to r2 (bbbbbbbbbb)" in result.output
    assert "lost: 3" in result.output


def test_diff__without_kept_results_goes_by_the_record_of_the_attempt() -> None:
    result = shown(world_of())

    assert result.exit_code == 0, result.output
    assert "150 items compared\nlost: 1, correct on r1 (aaaaaaaaaa) only\n  #0\n" in result.output
    assert "The content of the suite is kept no more" in result.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(
            ["nothing"], "no results of suite nothing are kept; there are results of", id="suite"
        ),
        pytest.param(
            [GOLDEN, "--to", C], f"no results of suite golden on {C} are kept", id="revision"
        ),
        pytest.param(
            [GOLDEN, "--to", "r7"], "revision r7 is not known: give its hash", id="number"
        ),
        pytest.param([GOLDEN, "--to", A], "--from and --to are the same revision", id="itself"),
    ],
)
def test_diff__of_what_is_not_there_says_what_is(arguments: list[str], said: str) -> None:
    result = world_of(answered(six())).run("eval", "diff", NAME, *arguments)

    assert result.exit_code == 1
    assert said in result.output


def test_diff__of_different_contents_is_refused() -> None:
    before, after = Kept(six(), {A: [told("111111")]}), Kept(suite_of(5), {C: [told("11111")]})

    result = shown(world_of(before, after), "--to", C)

    assert result.exit_code == 1
    assert "suite golden changed between the two" in result.output


def test_diff__of_items_that_changed_under_the_same_name_is_refused() -> None:
    kept = answered(six())
    kept.results = {
        revision: [run.model_copy(update={"items_digest": digit * 64}) for run in runs]
        for digit, (revision, runs) in zip("ab", kept.results.items(), strict=True)
    }

    result = shown(world_of(kept))

    assert result.exit_code == 1
    assert "the items changed between the runs of the two revisions: pin them" in result.output


def test_diff__without_an_attempt_asks_which_revisions() -> None:
    result = shown(world_of(answered(six()), attempts=False))

    assert result.exit_code == 1
    assert "say which revisions with --from and --to" in result.output


def test_diff__of_a_content_that_somebody_edited_says_so() -> None:
    one = six()
    world = world_of(answered(one))
    name = f"{NAME}-suite-{one.content}"
    world.cluster.of_kind(kinds.CONFIG_MAP)[name]["binaryData"] = {"items.jsonl.gz": "eHh4"}

    result = shown(world)

    assert result.exit_code == 1
    assert f"the items in ConfigMap {name} cannot be read" in result.output


# --- without the right to list ConfigMaps


def without_config_maps(monkeypatch: pytest.MonkeyPatch) -> PersonsWorld:
    world = world_of(answered(six()))
    listed = world.cluster.list

    async def refused(kind: kinds.Kind, namespace: str | None, selector: str = "") -> Any:
        if kind is kinds.CONFIG_MAP:
            raise Forbidden("configmaps is forbidden", 403)
        return await listed(kind, namespace, selector)

    monkeypatch.setattr(world.cluster, "list", refused)
    return world


def test_show__without_config_maps_tells_what_attempts_recorded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    result = without_config_maps(monkeypatch).run("eval", "show", NAME)

    assert result.exit_code == 0, result.output
    assert [line.split()[2] for line in result.output.splitlines()[1:3]] == ["r2", "r1"]
    assert "99.33 %" in result.output
    assert "ask for ClusterRole rocksteady-results-viewer" in " ".join(result.output.split())


def test_diff__without_config_maps_names_items_by_place(monkeypatch: pytest.MonkeyPatch) -> None:
    result = shown(without_config_maps(monkeypatch))

    assert result.exit_code == 0, result.output
    assert "  #0\n" in result.output
    assert "rocksteady-results-viewer" in result.output


# --- what the operator writes


async def test_results__are_read_as_the_operator_keeps_them() -> None:
    simulation = EvaluatedSimulation(scores(b=2))
    simulation.cluster.put(suite(40))
    gates = [{"suite": GOLDEN, "stage": "BeforeTraffic"}]
    simulation.create(judged("llama:a", evaluations=gates))
    await simulation.until(lambda: simulation.stable is not None)
    simulation.change(judged("llama:b", evaluations=gates))
    await simulation.run(120)

    cluster = PersonsFake()
    cluster.objects = simulation.cluster.objects
    found = await read_results(Session(cluster, NAMESPACE), NAME)

    assert sorted(one.asked.counts.correct for one in found.results) == [38, 40]
    difference = difference_of(found, Wanted(GOLDEN, None, None))
    assert (difference.comparison.compared, len(difference.comparison.changed.lost)) == (40, 2)
    assert difference.items is not None
