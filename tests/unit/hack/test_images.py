"""When an image is built, from what, and what is said when it cannot be."""

import os
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner

from hack.images import build as build_module
from hack.images import ensure, recipes
from hack.images.__main__ import main
from hack.images.builders import Build, Buildah, Builder, Docker, builder
from hack.images.cache import fingerprint, images_directory
from hack.images.errors import ImageError
from hack.images.recipes import NAMES, PythonRecipe, recipe, scratch_dockerfile
from hack.images.wheels import wheel_platforms
from hack.local_cluster.tools import TOOLS

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def cache_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


class RecordingBuilder:
    """Keeps what it is asked for; its archives hold the reference."""

    name = "recording"

    def __init__(self) -> None:
        self.builds: list[Build] = []

    def has(self, reference: str) -> bool:
        return any(build.reference == reference for build in self.builds)

    def build(self, build: Build) -> None:
        self.builds.append(build)

    def save(self, reference: str, archive: Path) -> None:
        archive.write_text(reference)


class FileRecipe:
    """An image of one file."""

    def __init__(self, source: Path) -> None:
        self.source = source

    def fingerprint(self) -> str:
        return fingerprint([self.source])

    def compose(self, builder: Builder, workspace: Path) -> Build:
        del builder
        return Build("rocksteady/pause:local", workspace / "Dockerfile", workspace)


@pytest.fixture
def recording(monkeypatch: pytest.MonkeyPatch) -> RecordingBuilder:
    recorder = RecordingBuilder()
    monkeypatch.setattr(build_module, "builder", lambda: recorder)
    return recorder


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "pause.c"
    path.write_text("int main(void) { return 0; }\n")
    monkeypatch.setattr(build_module, "recipe", lambda _name, _binary: FileRecipe(path))
    return path


def test_ensure__builds_once_while_nothing_changes(
    recording: RecordingBuilder, source: Path
) -> None:
    first = ensure("pause")
    os.utime(source, (1, 1))
    assert ensure("pause") == first
    assert first.read_text() == "rocksteady/pause:local"
    assert len(recording.builds) == 1


def test_ensure__builds_again_under_another_name_when_an_input_changes(
    recording: RecordingBuilder, source: Path
) -> None:
    first = ensure("pause")
    source.write_text("int main(void) { return 1; }\n")
    assert ensure("pause") != first
    assert len(recording.builds) == 2


def test_ensure__leaves_no_more_than_the_last_two_archives(
    recording: RecordingBuilder, source: Path
) -> None:
    for number in range(4):
        source.write_text(f"int main(void) {{ return {number}; }}\n")
        last = ensure("pause")
    kept = list(images_directory().glob("pause-*.tar"))
    assert len(recording.builds) == 4
    assert len(kept) == 2
    assert last in kept


def test_ensure__builds_once_when_several_ask_at_once(
    recording: RecordingBuilder, source: Path
) -> None:
    assert source.exists()
    found: list[Path] = []
    askers = [threading.Thread(target=lambda: found.append(ensure("pause"))) for _ in range(8)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert len(recording.builds) == 1


@pytest.mark.usefixtures("recording")
def test_ensure__names_the_input_that_is_missing(source: Path) -> None:
    source.unlink()
    with pytest.raises(ImageError, match=r"image pause: its input .*pause\.c is missing"):
        ensure("pause")


def test_recipe__every_listed_name_has_one() -> None:
    assert set(recipes._RECIPES) == set(NAMES)


def test_recipe__images_from_packages_see_all_that_their_dockerfiles_copy() -> None:
    packages = ("rocksteady-evaluation", "smollm2-llamacpp", "simulated-engine", "envoy")
    for name in ("rocksteady", *packages):
        made_from = recipe(name)
        assert isinstance(made_from, PythonRecipe)
        known = [made_from.dockerfile, *made_from.inputs, *made_from.locks]
        for line in made_from.dockerfile.read_text().splitlines():
            words = [word for word in line.split() if not word.startswith("--")]
            if line.startswith("COPY") and "--from=" not in line:
                for word in words[1:-1]:
                    copied = made_from.context / word
                    assert any(
                        path.is_relative_to(copied) or copied.is_relative_to(path) for path in known
                    )


@pytest.mark.parametrize(
    ("name", "binary", "message"),
    [
        pytest.param("redis", None, "no image is called 'redis': choose from", id="unknown image"),
        pytest.param("pause", Path("x"), "takes no binary", id="a program for a compiled image"),
    ],
)
def test_recipe__refuses(name: str, binary: Path | None, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        recipe(name, binary)


def test_program_recipe__says_where_the_program_was_looked_for(cache_home: Path) -> None:
    with pytest.raises(ImageError, match="build it first") as raised:
        ensure("coredns")
    assert str(cache_home / "rocksteady" / "bin" / "coredns") in str(raised.value)


def test_program_recipe__takes_the_version_that_the_cluster_runs_whatever_was_built_last(
    cache_home: Path,
) -> None:
    pinned = TOOLS["coredns"].version
    for age, version in enumerate(["9.9.9", pinned]):
        program = cache_home / "rocksteady" / "bin" / "coredns" / version / "coredns"
        program.parent.mkdir(parents=True)
        program.write_text(version)
        program.chmod(0o755)
        os.utime(program, (1000 - age, 1000 - age))
    wanted = cache_home / "rocksteady" / "bin" / "coredns" / pinned / "coredns"
    assert recipe("coredns").fingerprint() == recipe("coredns", wanted).fingerprint()


def test_program_recipe__context_has_the_program_under_its_own_name_and_an_empty_directory(
    tmp_path: Path, recording: RecordingBuilder
) -> None:
    program = tmp_path / "prometheus-3.13.4"
    program.write_text("program")
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    build = recipe("prometheus", program).compose(recording, workspace)
    assert build.reference == "rocksteady/prometheus:local"
    assert sorted(path.name for path in build.context.iterdir()) == [
        "Dockerfile",
        "empty",
        "prometheus",
    ]
    assert (workspace / "prometheus").read_text() == "program"
    assert os.access(workspace / "prometheus", os.X_OK)
    assert "COPY --chown=65534:65534 empty /prometheus" in build.dockerfile.read_text()


def test_scratch_dockerfile__program_and_writable_directory() -> None:
    assert scratch_dockerfile("prometheus", user=65534, writable="/prometheus").splitlines() == [
        "FROM scratch",
        "COPY prometheus /bin/prometheus",
        "COPY --chown=65534:65534 empty /prometheus",
        "USER 65534:65534",
        'ENTRYPOINT ["/bin/prometheus"]',
    ]


def test_wheel_platforms__newest_glibc_of_the_image_first() -> None:
    tags = wheel_platforms("aarch64", 19)
    assert tags == [
        "manylinux_2_19_aarch64",
        "manylinux_2_18_aarch64",
        "manylinux_2_17_aarch64",
        "manylinux2014_aarch64",
        "linux_aarch64",
    ]


@pytest.mark.parametrize(
    ("choice", "docker_answers", "expected"),
    [
        pytest.param("", True, Docker, id="a Docker daemon at hand is used"),
        pytest.param("buildah", True, Buildah, id="the variable overrules the daemon"),
        pytest.param("", False, Buildah, id="no daemon: Buildah"),
    ],
)
def test_builder__choice(
    choice: str, *, docker_answers: bool, expected: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROCKSTEADY_IMAGE_BUILDER", choice)
    monkeypatch.setattr("hack.images.builders.succeeds", lambda _command: docker_answers)
    monkeypatch.setattr("hack.images.builders.require", lambda _program: None)
    monkeypatch.setattr("hack.images.builders.require_root", lambda _purpose: None)
    assert isinstance(builder.__wrapped__(), expected)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        pytest.param("podman", "must be docker or buildah", id="an unknown builder"),
        pytest.param("docker", "daemon does not answer", id="Docker asked for, but not running"),
    ],
)
def test_builder__refuses(choice: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROCKSTEADY_IMAGE_BUILDER", choice)
    monkeypatch.setattr("hack.images.builders.succeeds", lambda _command: False)
    with pytest.raises(ImageError, match=message):
        builder.__wrapped__()


def test_builder__another_user_than_root_is_told_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ROCKSTEADY_IMAGE_BUILDER", "buildah")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(ImageError, match=r"needs root .* run it with sudo, or start Docker"):
        builder.__wrapped__()


def test_build_command__prints_the_archive_and_list_the_references(
    recording: RecordingBuilder, source: Path
) -> None:
    assert source.exists()
    built = CliRunner().invoke(main, ["build", "pause"])
    assert built.exit_code == 0
    assert str(images_directory()) in built.stdout
    assert len(recording.builds) == 1
    listed = CliRunner().invoke(main, ["list"])
    assert [line.split("\t")[0] for line in listed.stdout.splitlines()] == list(NAMES)


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        pytest.param(["build", "redis"], 2, "redis", id="an unknown image"),
        pytest.param(["build", "coredns"], 1, "build it first", id="a program not built yet"),
        pytest.param(
            ["build", "coredns", "traefik", "--binary", __file__],
            2,
            "goes with one image name",
            id="one program for two images",
        ),
    ],
)
def test_build_command__refuses(arguments: list[str], exit_code: int, message: str) -> None:
    ended = CliRunner().invoke(main, arguments)
    assert ended.exit_code == exit_code
    assert message in ended.output
