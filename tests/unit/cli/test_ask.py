"""What people may ask for, which revision they mean, and what is written then."""

import re

import pytest

from rocksteady.api.v1alpha1.llmrollout import Phase
from rocksteady.api.v1alpha1.status import (
    Condition,
    ConditionStatus,
    LLMDeploymentStatus,
    RefusedRevision,
    Revisions,
    RevisionStatus,
    RolloutStatus,
)
from rocksteady.cli.asking import NothingToAskError, State, Wish, ask_for
from rocksteady.rollout.requests import Verb, read_requests
from tests.builders import NOW, A, B, C, llm_deployment, spec
from tests.fakes.persons_world import USER, PersonsWorld
from tests.fakes.rollout_story import RolloutStory, failing, healthy

CANARY = Revisions(canary=RevisionStatus(hash=B, number=2))
PROMOTE, RETRY = "rocksteady.dev/promote", "rocksteady.dev/retry"


def rolling(phase: Phase = Phase.STEPPING, outcome: str = "") -> LLMDeploymentStatus:
    """The status while B is on its way, or when it has ended."""
    rollout = RolloutStatus(name="chat-1", phase=phase.value, outcome=outcome)
    return LLMDeploymentStatus(
        revisions=Revisions() if outcome else CANARY,
        rollout=rollout,
    )


def refused(*hashes: str, frozen: bool = False) -> LLMDeploymentStatus:
    """The status after rollouts failed."""
    stalled = Condition(
        type="Stalled", status=ConditionStatus.TRUE, reason="Frozen", last_transition_time=NOW
    )
    return LLMDeploymentStatus(
        refused=tuple(
            RefusedRevision(hash=one, number=2, reason="Harmed", rollout="chat-1", since=NOW)
            for one in hashes
        ),
        conditions=(stalled,) if frozen else (),
    )


def state(status: LLMDeploymentStatus, target: str | None = None, *handled: str) -> State:
    return State(status, {}, frozenset(handled), target)


CHOSEN = [
    pytest.param(Wish(Verb.PROMOTE), state(rolling()), B, id="promote means the canary"),
    pytest.param(Wish(Verb.ABORT), state(rolling()), B, id="abort means the canary"),
    pytest.param(Wish(Verb.PROMOTE, B), state(rolling()), B, id="the canary by its hash"),
    pytest.param(Wish(Verb.PROMOTE, B, "7"), state(rolling()), f"{B}@7", id="a token of one's own"),
    pytest.param(
        Wish(Verb.PROMOTE),
        state(rolling(), None, f"promote={B}"),
        f"{B}@2",
        id="a token when the same was acted on before",
    ),
    pytest.param(
        Wish(Verb.PROMOTE),
        state(rolling(), None, f"promote={B}", f"promote={B}@2"),
        f"{B}@3",
        id="a token that was not acted on either",
    ),
    pytest.param(
        Wish(Verb.PROMOTE),
        state(rolling(), None, f"abort={B}"),
        B,
        id="no token for what was acted on as another verb",
    ),
    pytest.param(Wish(Verb.RETRY), state(refused(B, C), C), C, id="retry means that of the spec"),
    pytest.param(Wish(Verb.RELEASE), state(refused(B, C), B), B, id="so does release"),
    pytest.param(Wish(Verb.RELEASE, C), state(refused(B, C), B), C, id="release of an older one"),
    pytest.param(
        Wish(Verb.RETRY), state(refused(B)), B, id="the only one when the spec's is not known"
    ),
    pytest.param(
        Wish(Verb.RETRY),
        state(refused(B, frozen=True), C),
        C,
        id="retry of a revision that is only frozen out",
    ),
]


@pytest.mark.parametrize(("wish", "seen", "value"), CHOSEN)
def test_ask_for__names_the_revision(wish: Wish, seen: State, value: str) -> None:
    ask = ask_for(wish, seen)

    assert (ask.annotation, ask.value) == (f"rocksteady.dev/{wish.verb}", value)
    assert not ask.stands


@pytest.mark.parametrize(
    ("wish", "seen", "sentence"),
    [
        pytest.param(
            Wish(Verb.PROMOTE),
            state(LLMDeploymentStatus()),
            "nothing is rolling out, so there is nothing to promote",
            id="promote without a rollout",
        ),
        pytest.param(
            Wish(Verb.ABORT),
            state(rolling(Phase.FINISHED, "Promoted")),
            "nothing is rolling out, so there is nothing to abort; chat-1 ended as Promoted",
            id="abort of what has ended",
        ),
        pytest.param(
            Wish(Verb.PROMOTE, C),
            state(rolling()),
            f"{C} is not on its way: the canary is r2 ({B}), so only that one can be asked to"
            " promote",
            id="promote of another than the canary",
        ),
        pytest.param(
            Wish(Verb.RETRY),
            state(LLMDeploymentStatus(), B),
            "no revision is refused, so there is nothing to retry",
            id="retry without a refusal",
        ),
        pytest.param(
            Wish(Verb.RELEASE),
            state(refused(B, C), A),
            f"{A} is not refused, so there is nothing to release; refused are: r2 ({B}), r2 ({C})",
            id="release when the spec's is not refused",
        ),
        pytest.param(
            Wish(Verb.RELEASE),
            state(refused(B, C)),
            f"more than one revision is refused: name one with --revision, of r2 ({B}), r2 ({C})",
            id="release when nobody knows which",
        ),
        pytest.param(
            Wish(Verb.RELEASE),
            state(refused(B, frozen=True), C),
            f"{C} is not refused, so there is nothing to release; refused are: r2 ({B})",
            id="release does not lift a freeze",
        ),
    ],
)
def test_ask_for__says_why_there_is_nothing_to_ask(wish: Wish, seen: State, sentence: str) -> None:
    with pytest.raises(NothingToAskError, match=f"^{re.escape(sentence)}$"):
        ask_for(wish, seen)


def test_ask_for__refuses_a_token_that_was_acted_on_already() -> None:
    seen = State(rolling(), {PROMOTE: f"{B}@7"}, frozenset({f"promote={B}@7"}))

    with pytest.raises(NothingToAskError, match="give another --token"):
        ask_for(Wish(Verb.PROMOTE, token="7"), seen)


def test_ask_for__what_stands_and_waits_is_not_asked_twice() -> None:
    assert ask_for(Wish(Verb.PROMOTE), State(rolling(), {PROMOTE: B}, frozenset())).stands


@pytest.mark.parametrize(("wish", "seen", "value"), CHOSEN)
def test_ask_for__asks_what_the_operator_reads(wish: Wish, seen: State, value: str) -> None:
    ask = ask_for(wish, seen)

    [request], _ = read_requests({ask.annotation: ask.value}, seen.handled)
    assert (request.verb, request.revision) == (wish.verb, value.partition("@")[0])


# --- the commands


def test_promote__sets_the_annotation_in_the_name_of_the_user() -> None:
    world = PersonsWorld.of(RolloutStory(healthy).run(90))

    result = world.run("promote", "chat")

    assert result.exit_code == 0
    assert result.output == (
        f"llmdeployment/chat: asked to promote r2 ({B});"
        " watch it with rocksteady status chat -n demo -w\n"
    )
    assert world.cluster.asked == [
        ("chat", {PROMOTE: B, "rocksteady.dev/requested-by": USER}),
    ]


def test_promote__takes_away_a_name_that_somebody_else_left() -> None:
    world = PersonsWorld.of(RolloutStory(healthy).run(90))
    world.cluster.user = None

    world.run("promote", "chat")

    [(_, asked)] = world.cluster.asked
    assert asked["rocksteady.dev/requested-by"] is None


def test_promote__is_acted_on_by_the_machine() -> None:
    story = RolloutStory(healthy).run(90)
    world = PersonsWorld.of(story)
    world.run("promote", "chat")
    story.annotations = {key: str(value) for key, value in world.cluster.asked[0][1].items()}

    story.run()

    assert story.attempt.status.handled_requests == (f"promote={B}",)
    assert f"{USER} (unverified)" in [one.actor for one in story.attempt.status.decisions]


def test_promote__writes_nothing_when_it_is_asked_for_already() -> None:
    story = RolloutStory(healthy, annotations={PROMOTE: B})
    story.run(1)
    world = PersonsWorld.of(story)

    result = world.run("promote", "chat")

    assert (result.exit_code, world.cluster.asked) == (0, [])
    assert "is asked for already; not acted on yet" in result.output


def test_promote__without_a_rollout_fails_with_a_sentence() -> None:
    world = PersonsWorld([llm_deployment()])

    result = world.run("promote", "chat")

    assert (result.exit_code, world.cluster.asked) == (1, [])
    assert result.output == "Error: nothing is rolling out, so there is nothing to promote\n"


@pytest.mark.parametrize("verb", ["retry", "release"])
def test_retry_and_release__name_the_revision_that_was_rolled_back(verb: str) -> None:
    story = RolloutStory(failing).run()
    story.pass_once()
    world = PersonsWorld.of(story)

    result = world.run(verb, "chat", "--revision", B)

    assert result.exit_code == 0, result.output
    [(_, asked)] = world.cluster.asked
    assert asked[f"rocksteady.dev/{verb}"] == B


def test_retry__finds_the_revision_of_the_spec_by_its_hash() -> None:
    """The hash of the story's revision is made up, so that of the spec is another."""
    story = RolloutStory(failing).run()
    story.pass_once()

    result = PersonsWorld.of(story).run("retry", "chat")

    assert result.exit_code == 1
    assert re.search(r"[0-9a-f]{10} is not refused, so there is nothing to retry", result.output)


def test_retry__does_without_the_hash_when_a_config_map_is_missing() -> None:
    story = RolloutStory(failing).run()
    story.pass_once()
    manifest = story.manifest()
    manifest["spec"]["engine"]["env"] = [
        {"name": "P", "valueFrom": {"configMapKeyRef": {"name": "gone", "key": "p"}}}
    ]
    world = PersonsWorld([manifest])

    result = world.run("retry", "chat")

    assert result.exit_code == 0, result.output
    assert world.cluster.asked[0][1][RETRY] == B


def test_pause_and_resume__set_the_annotation_and_take_it_away() -> None:
    paused = llm_deployment(spec())
    paused["metadata"]["annotations"] = {"rocksteady.dev/pause": "true"}
    going, standing = PersonsWorld([llm_deployment()]), PersonsWorld([paused])

    assert going.run("pause", "chat").exit_code == 0
    assert standing.run("resume", "chat").exit_code == 0
    assert going.cluster.asked[0][1]["rocksteady.dev/pause"] == "true"
    assert standing.cluster.asked[0][1]["rocksteady.dev/pause"] is None
    assert standing.run("pause", "chat").output == "Error: llmdeployment chat is paused already\n"
    assert going.run("resume", "chat").output == "Error: llmdeployment chat is not paused\n"
