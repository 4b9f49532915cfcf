import re
from typing import Any

import pytest

from rocksteady.api.v1alpha1.serving import Engine, EngineType
from rocksteady.engines.base import HUNG_GRACE_SECONDS, Launch, LoadedAdapter, Server, flag_names
from rocksteady.engines.registry import ENGINES

ALL = pytest.mark.parametrize("kind", list(EngineType), ids=str)


def serve(kind: EngineType, engine: dict[str, Any] | None = None, **launch: Any) -> Server:
    port = {"port": 9000} if kind is EngineType.CUSTOM else {}
    spec = Engine.model_validate({"type": kind, "image": "image:1", **port, **(engine or {})})
    given = {"served_name": "smollm2", "model": "/mnt/models", **launch}
    return ENGINES[kind].serve(Launch(engine=spec, **given))


def value_of(server: Server, name: str) -> str:
    return server.args[server.args.index(name) + 1]


@ALL
def test_serve__allows_the_whole_startup_time(kind: EngineType) -> None:
    probe = serve(kind, {"startupTimeoutSeconds": 601}).probes.startup

    budget = probe["periodSeconds"] * probe["failureThreshold"]
    assert 601 <= budget < 601 + probe["periodSeconds"]


@ALL
def test_serve__is_more_patient_before_a_restart_than_before_leaving_the_service(
    kind: EngineType,
) -> None:
    probes = serve(kind).probes

    def patience(probe: dict[str, Any]) -> int:
        return int(probe["periodSeconds"]) * int(probe["failureThreshold"])

    assert patience(probes.liveness) >= 4 * patience(probes.readiness)


@ALL
def test_serve__lets_no_server_that_hangs_drain(kind: EngineType) -> None:
    probes = serve(kind).probes

    assert probes.liveness is not None
    for probe in (probes.startup, probes.liveness):
        assert probe["terminationGracePeriodSeconds"] == HUNG_GRACE_SECONDS
    assert "terminationGracePeriodSeconds" not in probes.readiness


@ALL
def test_serve__gives_user_arguments_last(kind: EngineType) -> None:
    assert serve(kind, {"args": ["--seed", "7"]}).args[-2:] == ("--seed", "7")


@ALL
def test_serve__tells_the_server_the_port_that_probes_and_services_use(kind: EngineType) -> None:
    server = serve(kind)

    told = " ".join((*server.args, *server.env.values()))
    assert re.search(rf"\b{server.port}\b", told)


@ALL
def test_serve__names_the_model_as_clients_do_where_the_engine_can(kind: EngineType) -> None:
    server = serve(kind, served_name="a-name-of-its-own")

    told = (*server.args, *server.env.values())
    assert ("a-name-of-its-own" in told) is (kind is not EngineType.TGI)


@ALL
def test_serve__sets_flags_that_it_reserves(kind: EngineType) -> None:
    reserved = ENGINES[kind].reserved_flags
    used = flag_names(serve(kind).args)

    assert not reserved or reserved & used


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (EngineType.VLLM, "--tensor-parallel-size"),
        (EngineType.SGLANG, "--tp-size"),
        (EngineType.TGI, "--num-shard"),
    ],
)
def test_serve__spreads_the_model_over_several_gpus_only(kind: EngineType, name: str) -> None:
    assert value_of(serve(kind, gpu_count=4), name) == "4"
    assert name not in serve(kind, gpu_count=1).args
    assert name not in serve(kind, gpu_count=0).args


def test_llamacpp__offloads_to_a_gpu_when_there_is_one() -> None:
    assert "--n-gpu-layers" in serve(EngineType.LLAMACPP, on_gpu=True).args
    assert "--n-gpu-layers" not in serve(EngineType.LLAMACPP).args


def test_llamacpp__hides_the_prompts_of_others_unless_the_user_shows_them() -> None:
    assert "--no-slots" in serve(EngineType.LLAMACPP).args
    assert "--no-slots" not in serve(EngineType.LLAMACPP, {"args": ["--slots"]}).args


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (EngineType.VLLM, "--chat-template"),
        (EngineType.SGLANG, "--chat-template"),
        (EngineType.LLAMACPP, "--chat-template-file"),
    ],
)
def test_serve__passes_the_chat_template(kind: EngineType, name: str) -> None:
    server = serve(kind, chat_template_path="/mnt/chat-template/chat.jinja")

    assert value_of(server, name) == "/mnt/chat-template/chat.jinja"


@pytest.mark.parametrize(
    ("kind", "name"),
    [(EngineType.VLLM, "--lora-modules"), (EngineType.SGLANG, "--lora-paths")],
)
def test_serve__passes_all_adapters_after_one_flag(kind: EngineType, name: str) -> None:
    adapters = (LoadedAdapter("legal", "/a/legal"), LoadedAdapter("tone", "/a/tone"))

    args = serve(kind, adapters=adapters).args

    start = args.index(name)
    assert args[start + 1 : start + 3] == ("legal=/a/legal", "tone=/a/tone")


@pytest.mark.parametrize("kind", [EngineType.VLLM, EngineType.SGLANG, EngineType.TGI], ids=str)
def test_serve__pins_the_revision_and_goes_online_only_when_the_engine_fetches(
    kind: EngineType,
) -> None:
    fetching = serve(kind, model="org/name", model_revision="abc", fetches_model=True)
    local = serve(kind)

    assert value_of(fetching, "--revision") == "abc"
    assert "HF_HUB_OFFLINE" not in fetching.env
    assert "--revision" not in local.args
    assert local.env["HF_HUB_OFFLINE"] == "1"


@pytest.mark.parametrize(
    ("version", "known", "unknown"),
    [
        pytest.param(
            None,
            (),
            ("--shutdown-timeout", "--disable-access-log-for-endpoints"),
            id="no version declared: only flags that all versions know",
        ),
        pytest.param(
            "0.15.1", (), ("--shutdown-timeout", "--disable-access-log-for-endpoints"), id="0.15"
        ),
        pytest.param(
            "0.16", ("--disable-access-log-for-endpoints",), ("--shutdown-timeout",), id="0.16"
        ),
        pytest.param(
            "0.18", ("--disable-access-log-for-endpoints", "--shutdown-timeout"), (), id="0.18"
        ),
    ],
)
def test_vllm__gives_flags_that_the_declared_version_knows(
    version: str | None, known: tuple[str, ...], unknown: tuple[str, ...]
) -> None:
    server = serve(EngineType.VLLM, {"version": version, "drainTimeoutSeconds": 90})

    assert set(known) <= set(server.args)
    assert not set(unknown) & set(server.args)
    assert server.drains_itself is ("--shutdown-timeout" in known)
    if server.drains_itself:
        assert value_of(server, "--shutdown-timeout") == "90"


@pytest.mark.parametrize(
    ("version", "told"),
    [
        pytest.param(None, False, id="no version declared: newer ones do not know the flag"),
        pytest.param("0.9.2", True, id="0.9.2 logs prompts"),
        pytest.param("0.10", True, id="0.10 logs prompts"),
        pytest.param("0.10.1", False, id="0.10.1 does not log them"),
        pytest.param("0.20", False, id="0.20 does not log them"),
    ],
)
def test_vllm__is_told_not_to_log_prompts_where_it_would(
    version: str | None, *, told: bool
) -> None:
    server = serve(EngineType.VLLM, {"version": version})

    assert ("--disable-log-requests" in server.args) is told


@pytest.mark.parametrize(
    ("engine", "path"),
    [
        pytest.param({}, "/v1/models", id="the models list says that the model is served"),
        pytest.param({"args": ["--api-key=x"]}, "/health", id="a key as argument: no key needed"),
        pytest.param(
            {"env": [{"name": "VLLM_API_KEY", "value": "x"}]}, "/health", id="a key as variable"
        ),
    ],
)
def test_vllm__asks_a_path_that_needs_no_key(engine: dict[str, Any], path: str) -> None:
    probes = serve(EngineType.VLLM, engine).probes

    assert probes.readiness["httpGet"]["path"] == path
    assert probes.startup["httpGet"]["path"] == path
    assert probes.liveness["httpGet"]["path"] == "/health"


@pytest.mark.parametrize(
    ("version", "told"),
    [(None, False), ("3.2.1", False), ("3.2.2", True), ("3.3", True)],
)
def test_tgi__is_told_how_long_to_drain_when_it_can_be(version: str | None, *, told: bool) -> None:
    server = serve(EngineType.TGI, {"version": version})

    assert ("--graceful-termination-timeout" in server.args) is told
    assert server.drains_itself


def test_sglang__waits_longer_for_health_than_the_server_itself() -> None:
    probes = serve(EngineType.SGLANG).probes

    for probe in (probes.startup, probes.readiness, probes.liveness):
        assert probe["timeoutSeconds"] > 20


def test_ollama__gives_name_and_path_as_variables_never_as_shell() -> None:
    server = serve(EngineType.OLLAMA, model="/mnt/models/$(reboot).gguf")

    script = server.probes.startup["exec"]["command"][-1]
    assert "reboot" not in script
    assert server.env["ROCKSTEADY_MODEL_PATH"] == "/mnt/models/$(reboot).gguf"


@pytest.mark.parametrize(
    ("engine", "handler"),
    [
        pytest.param({}, "tcpSocket", id="no path: the port"),
        pytest.param({"readinessPath": "/ready"}, "httpGet", id="a path: that path"),
    ],
)
def test_custom__probes_what_is_known(engine: dict[str, Any], handler: str) -> None:
    probes = serve(EngineType.CUSTOM, engine).probes

    assert handler in probes.readiness
    assert handler in probes.startup
    assert "tcpSocket" in probes.liveness
