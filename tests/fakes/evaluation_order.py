"""Orders of events around rollouts that are gated on suites; see `Order`, and `EvaluationWatch`."""

import json
from collections.abc import Callable, Sequence
from typing import Any, Final

from rocksteady import conventions
from rocksteady.api.run_result import RunOutcome, RunResult
from rocksteady.ports import Manifest
from rocksteady.reconcile.reconciler import Outcome
from rocksteady.resources import kinds
from tests.builders import NAMESPACE
from tests.fakes.evaluation_watch import SECRET, EvaluationWatch
from tests.fakes.evaluations import (
    GOLDEN,
    EvaluatedSimulation,
    Pod,
    ended,
    failed,
    lost,
    suite,
    told,
    waits,
)
from tests.fakes.rollout_order import EVENTS, IMAGES, QUICK, Content, Event, Order

ATTACKS: Final = "attacks"
LARGE: Final = "large"
ITEMS: Final = {GOLDEN: 40, ATTACKS: 30, LARGE: 330}
SCHEDULED_SECONDS: Final = 3600
FLOOR: Final = "80"
GARBAGE: Final = "not what a run tells: " + SECRET

Gate = dict[str, Any]


def gate(name: str = GOLDEN, stage: str = "BeforeTraffic", **more: Any) -> Gate:
    """An entry of `spec.evaluations`."""
    interval = {"intervalSeconds": SCHEDULED_SECONDS} if stage == "Scheduled" else {}
    return {"suite": name, "stage": stage, **interval, **more}


def suite_of(name: str, items: int | None = None) -> Manifest:
    """A suite as it should be."""
    found = suite(items or ITEMS[name], name, minScorePercent=FLOOR)
    for item in found["spec"]["items"]["inline"]:
        item["prompt"] = f"{item['prompt']} {SECRET}"
    if name == ATTACKS:
        found["spec"]["kind"] = "Safety"
        del found["spec"]["marginPoints"], found["spec"]["minScorePercent"]
    return found


class EvaluatedOrder(Order):
    """See the module.

    Args:
        seed: Which.
        simulation: Where it happens.
        content: Makes a spec from an image, a number of replicas, and fields.
        gates: `spec.evaluations`.
    """

    def __init__(
        self, seed: int, simulation: EvaluatedSimulation, content: Content, gates: Sequence[Gate]
    ) -> None:
        self.gates = [dict(one) for one in gates]
        self.troubles: list[Callable[[int, int], RunResult | Manifest | Pod]] = []
        super().__init__(seed, simulation, content, {})
        self.wrong = {image: self.random.choice([0, 0, 2, 15]) for image in IMAGES[1:]}
        self.evaluated = simulation
        simulation.answer = self.answer
        held = frozenset(str(one["suite"]) for one in gates if one.get("action") == "Gate")
        names = tuple(dict.fromkeys(str(one["suite"]) for one in gates))
        self.watch = EvaluationWatch(simulation, names, held)
        self._reconcile = simulation.reconcile
        simulation.reconcile = self.reconcile  # type: ignore[method-assign]

    def spec(self, image: str, replicas: int) -> dict[str, Any]:
        rollout = {**QUICK, **self.rollout}
        return self.content(image, replicas, rollout=rollout, evaluations=self.gates)

    def events(self) -> Sequence[Event]:
        return (*EVENTS, *map(self._as_event, EVALUATION_EVENTS))

    def _as_event(self, act: Callable[["EvaluatedOrder"], None]) -> Event:
        return lambda _: act(self)

    async def reconcile(self) -> Outcome:
        """A pass, with what must hold around it."""
        self.watch.remember()
        outcome = await self._reconcile()
        self.watch.after_pass(outcome)
        return outcome

    def answer(self, image: str, first: int, count: int) -> RunResult | Manifest | Pod:
        """What a run tells now."""
        if self.troubles:
            return self.troubles.pop()(first, count)
        bad = min(count, self.wrong.get(image, 0))
        return told("0" * bad + "1" * (count - bad), first)

    async def some_time(self) -> None:
        await super().some_time()
        self.evaluated.work()

    async def begin_anew(self) -> None:
        await super().begin_anew()
        self.watch.begin_anew()

    # --- what a model can do, and what runs come to

    def change_quality(self) -> None:
        self.wrong[self.image()] = self.random.choice([0, 0, 2, 15, 15])

    def trouble_runs(self) -> None:
        """The next run, or some, end otherwise than they should."""
        trouble = self.random.choice(_TROUBLES)
        self.troubles += [trouble] * self.random.choice([1, 1, 2, 4])

    def stick(self) -> None:
        self.evaluated.stuck = self.likely(0.6)

    def unstick(self) -> None:
        """Images are there by now: what waited is run."""
        self.evaluated.stuck = False
        for name, job in list(self.evaluated.cluster.of_kind(kinds.JOB).items()):
            if job.get("status") == {"active": 1}:
                self.evaluated.cluster.edit(
                    kinds.JOB, NAMESPACE, name, lambda found: found.pop("status")
                )

    def delete_job(self) -> None:
        if jobs := self.evaluated.jobs():
            self._delete(kinds.JOB.kind, self.random.choice(jobs))

    # --- people

    def edit_suite(self) -> None:
        """More items, another floor, what nobody can read, or none at all."""
        name = self.random.choice(self.watch.suites)
        what = self.random.choice(["items", "margin", "limits", "invalid", "gone", "well", "well"])
        found = suite_of(name)
        if what == "gone":
            key = (kinds.EVALUATION_SUITE.kind, NAMESPACE, name)
            if key in self.evaluated.cluster.objects:
                self.evaluated.cluster.remove(kinds.EVALUATION_SUITE, NAMESPACE, name)
            return
        if what == "items":
            found = suite_of(name, ITEMS[name] + self.random.randrange(1, 4))
        elif what == "margin" and name != ATTACKS:
            found["spec"]["marginPoints"] = "12"
        elif what == "limits":
            found["spec"]["limits"] = {"resources": {"limits": {"memory": "2Gi"}}}
        elif what == "invalid":
            found["spec"]["items"] = {"inline": [{"id": "q", "checks": [{"type": "Guess"}]}]}
        self.evaluated.cluster.put(found)
        self.watch.disturbances += 2  # another content, and back

    def change_stages(self) -> None:
        """Which suite gates what; what it may do stays."""
        for one in self.gates:
            if one["stage"] != "Scheduled" and self.likely(0.5):
                one["stage"] = self.random.choice(["BeforeTraffic", "BeforePromotion"])
        gates = [dict(one) for one in self.gates]
        self._respecify(lambda spec: spec.update(evaluations=gates))

    def take_kept(self) -> None:
        """Delete what is kept, or edit it by hand."""
        maps = sorted(
            name
            for name, found in self.evaluated.cluster.of_kind(kinds.CONFIG_MAP).items()
            if conventions.LABEL_CONTENT in found["metadata"].get("labels", {})
        )
        if not maps:
            return
        name = self.random.choice(maps)
        if self.likely(0.5):
            self._delete(kinds.CONFIG_MAP.kind, name)
            return
        self.watch.disturbances += 1
        change = self.random.choice(_TAMPERING)
        self.evaluated.cluster.edit(
            kinds.CONFIG_MAP, NAMESPACE, name, lambda found: _tamper(found, change)
        )

    def edit(self) -> None:
        self.watch.disturbances += 1
        super().edit()

    def kill(self) -> None:
        self.watch.disturbances += 1
        super().kill()

    def _delete(self, kind: str, name: str) -> None:
        self.watch.disturbances += 1
        cluster = self.evaluated.cluster
        cluster.remove(next(one for one in kinds.OWNED if one.kind == kind), NAMESPACE, name)
        self.watch.remember()

    # --- how it ends

    def mend(self) -> None:
        """Suites, runs and answers are as they should be."""
        self.troubles.clear()
        self.unstick()
        for name in self.watch.suites:
            self.evaluated.cluster.put(suite_of(name))
        self.watch.disturbances += 2

    async def check_still(self) -> None:
        self.mend()
        await super().check_still()

    async def check_end(self) -> None:
        self.mend()
        self.wrong.clear()
        await super().check_end()
        assert self.evaluated.jobs() == [], "a Job is left over"


def _tamper(config_map: Manifest, change: Callable[[str], str]) -> None:
    data = config_map["data"]
    for key in data:
        data[key] = change(data[key])


def _garble(_: str) -> str:
    return "{"


def _as_list(_: str) -> str:
    return "[]"


def _without_zone(text: str) -> str:
    return text.replace("+00:00", "").replace("Z", "")


def _with_few_items(text: str) -> str:
    return _with_result(text, results="11")


def _as_error(text: str) -> str:
    return _with_result(text, outcome="Error", message="nothing was asked")


def _unpackable(text: str) -> str:
    return _with_result(text, results="what is this")


def _with_result(text: str, **fields: str) -> str:
    """Kept results with other fields; what is none stays."""
    try:
        kept = json.loads(text)
        kept["result"].update(fields)
    except (ValueError, TypeError, KeyError):
        return text
    return json.dumps(kept)


_TAMPERING: Final = (_garble, _as_list, _without_zone, _with_few_items, _as_error, _unpackable)


def _cut(first: int, count: int) -> RunResult:
    """A runner that leaves out an item, as one of a user's own may."""
    return told("1" * (count - 1), first)


_TROUBLES: Final[tuple[Callable[[int, int], RunResult | Manifest | Pod], ...]] = (
    lambda *_: failed(),
    lambda *_: failed("DeadlineExceeded"),
    lambda *_: ended(GARBAGE),
    lambda *_: ended("0" * 5000),
    lambda *_: ended(GARBAGE, "Error", 1),
    lambda *_: ended("", "OOMKilled", 137),
    lambda *_: ended("", "Evicted", 137),
    lambda *_: waits(),
    lambda *_: waits("CreateContainerConfigError"),
    lambda *_: lost(),
    lambda *_: RunResult(outcome=RunOutcome.ERROR, message="the items cannot be read"),
    lambda first, count: told("-" * count, first),
    _cut,
    lambda first, count: told("1" * count, first + 1),
    lambda first, _: RunResult(
        outcome=RunOutcome.COMPLETED, first_item=first, results="what is this"
    ),
)

EVALUATION_EVENTS: Final[tuple[Callable[[EvaluatedOrder], None], ...]] = (
    *[EvaluatedOrder.change_quality] * 8,
    *[EvaluatedOrder.trouble_runs] * 8,
    *[EvaluatedOrder.stick] * 3,
    *[EvaluatedOrder.unstick] * 6,
    *[EvaluatedOrder.delete_job] * 4,
    *[EvaluatedOrder.edit_suite] * 8,
    *[EvaluatedOrder.change_stages] * 3,
    *[EvaluatedOrder.take_kept] * 8,
)
"""Beside those of every rollout, each as often as it stands here."""
