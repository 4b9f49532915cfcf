"""What `status` shows, from rollouts that the machine itself made."""

import json

import pytest
import yaml
from rich.console import Console

from rocksteady.cli.screen import DRAWN, TYPED, evidence_bar, share_bar
from rocksteady.resources import kinds
from tests.builders import A, B, llm_deployment
from tests.fakes.evaluated_story import equal, suite_of
from tests.fakes.persons_world import PersonsWorld
from tests.fakes.rollout_story import RolloutStory, failing, healthy, slow
from tests.unit.cli.golden import matches


def test_status__shows_a_step_that_waits_for_time() -> None:
    matches("status-stepping", shown(RolloutStory(healthy).run(90)))


def test_status__shows_what_holds_a_canary_and_since_when() -> None:
    matches("status-holding", shown(RolloutStory(failing).run(90)))


def test_status__fits_80_columns() -> None:
    text = shown(RolloutStory(failing).run(90), width=80)

    matches("status-holding-80", text)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 80


def test_status__uses_120_columns() -> None:
    matches("status-holding-120", shown(RolloutStory(failing).run(90), width=120))


def test_status__shows_a_rollback_and_the_refused_revision() -> None:
    story = RolloutStory(slow).run()
    story.pass_once()

    matches("status-rolled-back", shown(story))


def test_status__shows_a_bake() -> None:
    matches("status-baking", shown(RolloutStory(healthy).run(360)))


def test_status__shows_the_end_of_a_promotion() -> None:
    matches("status-promoted", shown(RolloutStory(healthy).run()))


def test_status__shows_what_suites_say_of_a_canary() -> None:
    story = equal()
    story.suites += (suite_of(30, "attacks", kind="Safety", marginPoints=None),)

    matches("status-evaluated", shown(story.run(90)))


def test_status__shows_a_suite_that_is_being_asked() -> None:
    story = equal()
    story.results = {A: "1" * 150}

    text = shown(story.run(90), width=80)

    assert "golden              BeforeTraffic  -  Running\n" in text
    assert f"    golden is being asked: {B}.\n" in text
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 80


def test_status__says_of_a_first_revision_what_its_suites_say() -> None:
    condition = {
        "type": "EvaluationsPassed",
        "status": "False",
        "reason": "EvaluationFailed",
        "message": "golden 10/40 (25 %) correct: below the floor.",
        "lastTransitionTime": "2026-11-23T12:00:00Z",
    }
    manifest = {**llm_deployment(), "status": {"conditions": [condition]}}

    text = PersonsWorld([manifest]).run("status", "chat").output

    assert "Evaluations\n  golden 10/40 (25 %) correct: below the floor.\n" in text
    assert text.count("below the floor") == 1


def test_status__of_a_deployment_that_never_rolled_out_says_so() -> None:
    result = PersonsWorld([llm_deployment()]).run("status", "chat")

    assert result.exit_code == 0
    assert "demo/chat  nothing has rolled out yet\n" in result.output
    assert "stable  none yet\n" in result.output
    assert "The operator has not reported on the present spec yet.\n" in result.output


def test_status__does_without_rollouts_that_may_not_be_read() -> None:
    world = PersonsWorld.of(RolloutStory(failing).run(90))
    world.cluster.without.add(kinds.LLM_ROLLOUT)

    result = world.run("status", "chat")

    assert result.exit_code == 0
    assert "Waits  for 1m15s\n" in result.output


def test_status__of_what_does_not_exist_is_one_sentence() -> None:
    result = PersonsWorld().run("status", "chat")

    assert (result.exit_code, result.output) == (
        1,
        "Error: there is no llmdeployment chat in demo\n",
    )


def test_status__names_the_cure_when_the_cluster_lacks_the_kind() -> None:
    world = PersonsWorld()
    world.cluster.without.add(kinds.LLM_DEPLOYMENT)

    result = world.run("status", "chat")

    assert result.exit_code == 1
    assert "install the CRDs, or choose another context" in result.output


def test_status__takes_the_options_of_kubectl() -> None:
    world = PersonsWorld()

    world.run("status", "chat", "-n", "other", "--context", "there", "--kubeconfig", "/k")

    [target] = world.targets
    assert (target.namespace, target.context, target.kubeconfig) == ("other", "there", "/k")


def test_status__is_data_for_programs() -> None:
    world = PersonsWorld.of(RolloutStory(failing).run(90))

    as_json = json.loads(world.run("status", "chat", "-o", "json").output)
    as_yaml = yaml.safe_load(world.run("status", "chat", "-o", "yaml").output)

    assert as_json["status"]["rollout"]["name"] == as_json["rollout"]["name"] == "chat-1"
    assert as_json["rollout"]["status"]["hold"]["reason"] == "EvidenceInconclusive"
    assert as_yaml["status"]["rollout"]["signals"] == as_json["status"]["rollout"]["signals"]


def test_status__shows_pictures_or_data_and_not_both() -> None:
    assert PersonsWorld().run("status", "chat", "-w", "-o", "json").exit_code == 2


class Watching:
    """Somebody who watches a story go on, and has seen enough after some looks."""

    def __init__(self, world: PersonsWorld, story: RolloutStory, looks: int) -> None:
        self.world, self.story, self.looks = world, story, looks

    def sleep(self, seconds: float) -> None:
        self.looks -= 1
        if not self.looks:
            raise KeyboardInterrupt
        if self.looks == 1:
            self.world.cluster.objects.clear()
            return
        self.story.run(30)
        self.world.clock.advance(seconds)
        for manifest in self.story.manifests():
            self.world.cluster.put(manifest)


def test_status__watched_through_a_pipe_prints_each_picture_that_is_new(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    story = RolloutStory(failing).run(30)
    world = PersonsWorld.of(story)
    monkeypatch.setattr("rocksteady.cli.status.sleep", Watching(world, story, 5).sleep)

    result = world.run("status", "chat", "-w")

    assert result.exit_code == 0, result.output
    pictures = result.output.split("---\n")
    assert "Waits  for 15s" in pictures[0]
    assert "EvidenceInconclusive" in pictures[2]
    assert pictures[-2] == "there is no llmdeployment chat in demo; trying again\n"
    assert pictures[-1] == ""


def test_status__watched_on_a_terminal_leaves_the_last_picture(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    story = RolloutStory(failing).run(30)
    world = PersonsWorld.of(story)
    monkeypatch.setattr("rocksteady.cli.status.sleep", Watching(world, story, 4).sleep)
    monkeypatch.setattr(
        "rocksteady.cli.status.console",
        lambda: Console(force_terminal=True, width=80, _environ={"TERM": "xterm"}),
    )

    output = world.run("status", "chat", "-w").output

    left = output.rpartition("\x1b[?1049l")[2]
    assert "there is no llmdeployment chat in demo; trying again" in left
    assert "demo/chat" in output


@pytest.mark.parametrize(
    ("evidence", "bar"),
    [
        pytest.param(0.2, "░░░░│░░░░░", id="what speaks for the canary is empty"),
        pytest.param(1, "░░░░│░░░░░", id="what says nothing is empty"),
        pytest.param(5, "███░│░░░░░", id="the mark is where a canary gets no more"),
        pytest.param(14, "████│░░░░░", id="at the mark"),
        pytest.param(20, "█████░░░░░", id="beyond the mark"),
        pytest.param(199, "█████████░", id="never full below the threshold"),
        pytest.param(200, "██████████", id="full at the threshold"),
        pytest.param(1e9, "██████████", id="no longer than full"),
        pytest.param(float("nan"), "░░░░│░░░░░", id="what is no number is empty"),
    ],
)
def test_evidence_bar__is_on_a_log_scale(evidence: float, bar: str) -> None:
    assert evidence_bar(DRAWN, evidence, 200, 10, cells=10) == bar


@pytest.mark.parametrize(
    ("percent", "bar"), [(0, "...."), (1, "#..."), (50, "##.."), (99, "###."), (100, "####")]
)
def test_share_bar__is_empty_at_0_and_full_at_100_only(percent: int, bar: str) -> None:
    assert share_bar(TYPED, percent, cells=4) == bar


def shown(story: RolloutStory, width: int = 100) -> str:
    result = PersonsWorld.of(story).run("status", "chat", width=width)
    assert result.exit_code == 0, result.output
    return result.output
