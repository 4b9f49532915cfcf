"""A revision freezes what it reads from ConfigMaps."""

from rocksteady.api.v1alpha1.serving import ConfigMapKeyReference
from rocksteady.ports import Manifest
from rocksteady.reconcile.render import KEY_MAX_LENGTH, frozen_key
from rocksteady.resources import kinds
from rocksteady.resources.kinds import Kind
from rocksteady.rollout.decide import RECHECK_SECONDS
from tests.builders import NAME, NAMESPACE, spec
from tests.fakes.cluster import FakeCluster
from tests.fakes.simulation import Simulation
from tests.fakes.stories import ENGINE_WITH_PROMPT, SERVING, full, prompts


def frozen(simulation: Simulation) -> dict[str, str]:
    """Content of the copy that the serving revision reads."""
    name = f"{NAME}-{simulation.stable}-cfg"
    content: dict[str, str] = simulation.cluster.of_kind(kinds.CONFIG_MAP)[name]["data"]
    return content


async def test_config_map__missing_is_said_and_heals_when_it_comes() -> None:
    simulation = Simulation()
    simulation.create(spec(engine=ENGINE_WITH_PROMPT))
    outcome = await simulation.settle()
    assert simulation.condition("Stalled") == ("True", "ConfigMapNotFound")
    assert simulation.message("Stalled") == (
        "ConfigMap prompts does not exist. Create it in this namespace, or correct the reference."
    )
    assert outcome.requeue_after_seconds == RECHECK_SECONDS
    assert simulation.replicas() == {}
    simulation.cluster.put(prompts("Be kind.", key="other"))
    await simulation.settle()
    assert simulation.condition("Stalled") == ("True", "ConfigMapKeyNotFound")
    assert simulation.message("Stalled") == (
        "ConfigMap prompts has no key system. Add the key, or correct the reference."
    )
    simulation.cluster.put(prompts("Be kind."))
    await simulation.settle()
    assert simulation.conditions == SERVING
    assert frozen(simulation) == {"prompts_system": "Be kind."}


async def test_config_map__is_copied_and_read_from_the_copy() -> None:
    simulation = await full()
    [deployment] = simulation.cluster.of_kind(kinds.DEPLOYMENT).values()
    env = deployment["spec"]["template"]["spec"]["containers"][0]["env"]
    [source] = [entry["valueFrom"] for entry in env if entry["name"] == "PROMPT"]
    assert source == {
        "configMapKeyRef": {"name": f"{NAME}-{simulation.stable}-cfg", "key": "prompts_system"}
    }


async def test_config_map__leaves_other_environment_variables_alone() -> None:
    simulation = Simulation()
    simulation.cluster.put(prompts("Be kind."))
    plain = [
        {"name": "THREADS", "value": "4"},
        {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "tokens", "key": "hf"}}},
    ]
    engine = {**ENGINE_WITH_PROMPT, "env": [*plain, *ENGINE_WITH_PROMPT["env"]]}
    simulation.create(spec(engine=engine))
    await simulation.settle()
    [deployment] = simulation.cluster.of_kind(kinds.DEPLOYMENT).values()
    env = deployment["spec"]["template"]["spec"]["containers"][0]["env"]
    assert [entry for entry in env if entry["name"] in {"THREADS", "TOKEN"}] == plain


async def test_config_map__changed_is_a_new_revision() -> None:
    simulation = await full()
    before = simulation.stable
    simulation.cluster.put(prompts("Be brief."))
    await simulation.settle()
    assert simulation.stable != before
    assert frozen(simulation) == {"prompts_system": "Be brief."}
    assert simulation.conditions == SERVING
    assert [name for name in simulation.cluster.of_kind(kinds.CONFIG_MAP) if "cfg" in name] == [
        f"{NAME}-{simulation.stable}-cfg"
    ]


async def test_config_map__gone_stops_nothing() -> None:
    simulation = await full()
    simulation.cluster.remove(kinds.CONFIG_MAP, NAMESPACE, "prompts")
    await simulation.settle()
    assert simulation.condition("Ready") == ("True", "Serving")
    assert simulation.condition("Stalled") == ("True", "ConfigMapNotFound")
    assert simulation.served() == 1


async def test_config_map__gone_while_a_record_was_deleted_renders_no_other_template() -> None:
    simulation = await full()
    before = simulation.end_state()
    simulation.cluster.remove(kinds.CONFIG_MAP, NAMESPACE, "prompts")
    simulation.delete_child(kinds.CONTROLLER_REVISION, f"{NAME}-{simulation.stable}")
    await simulation.settle()
    name = ("Deployment", NAMESPACE, f"{NAME}-{simulation.front}")
    assert simulation.end_state()[name]["spec"] == before[name]["spec"]
    assert simulation.cluster.of_kind(kinds.CONTROLLER_REVISION) == {}


async def test_config_map__chat_template_is_copied_once_and_mounted_from_the_copy() -> None:
    simulation = Simulation()
    simulation.cluster.put(prompts("{{ messages }}", key="chat.jinja"))
    model = {
        "name": "smol",
        "uri": "image:///models/smol.gguf",
        "chatTemplate": {"name": "prompts", "key": "chat.jinja"},
    }
    simulation.create(spec(model=model))
    await simulation.settle()
    assert simulation.conditions == SERVING
    assert frozen(simulation) == {"prompts_chat.jinja": "{{ messages }}"}
    [deployment] = simulation.cluster.of_kind(kinds.DEPLOYMENT).values()
    volumes = deployment["spec"]["template"]["spec"]["volumes"]
    assert [volume["configMap"] for volume in volumes if "configMap" in volume] == [
        {
            "name": f"{NAME}-{simulation.stable}-cfg",
            "items": [{"key": "prompts_chat.jinja", "path": "chat.jinja"}],
        }
    ]


def test_frozen_key__is_readable_and_another_for_every_reference() -> None:
    references = [("a", "b.c"), ("a.b", "c"), ("a", "b_c"), ("a", "x" * 253), ("b", "x" * 253)]
    keys = [frozen_key(ConfigMapKeyReference(name=name, key=key)) for name, key in references]

    assert keys[:3] == ["a_b.c", "a.b_c", "a_b_c"]
    assert len(set(keys)) == len(keys)
    assert max(map(len, keys)) <= KEY_MAX_LENGTH


class EditedMidway(FakeCluster):
    """Somebody edits the ConfigMap right after the operator has read it."""

    edited = False

    async def get(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        found = await super().get(kind, namespace, name)
        if kind is kinds.CONFIG_MAP and name == "prompts" and not self.edited:
            self.edited = True
            self.put({**prompts("second"), "data": {"system": "second", "style": "second"}})
        return found


async def test_config_map__keys_of_a_revision_are_of_one_moment() -> None:
    simulation = Simulation(EditedMidway())
    simulation.cluster.put({**prompts("first"), "data": {"system": "first", "style": "first"}})
    env = [
        {"name": key.upper(), "valueFrom": {"configMapKeyRef": {"name": "prompts", "key": key}}}
        for key in ("system", "style")
    ]
    simulation.create(spec(engine={**ENGINE_WITH_PROMPT, "env": env}))
    await simulation.reconcile()
    copies = [
        found["data"]
        for name, found in simulation.cluster.of_kind(kinds.CONFIG_MAP).items()
        if name.endswith("-cfg")
    ]
    assert copies == [{"prompts_system": "first", "prompts_style": "first"}]
