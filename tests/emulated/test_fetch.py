"""Fetching from servers on loopback: the real clients, the real protocols, scripted faults."""

import fcntl
import hashlib
import json
import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rocksteady.fetch import FetchError, attempts
from rocksteady.fetch.web import download
from tests.emulated.model_server import COMMIT, Script, etag_of, serving

CONTENT = bytes(range(256)) * 8


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "FIRST_PAUSE_SECONDS", 0.01)


@pytest.fixture
def address(script: Script) -> Iterator[str]:
    """Address of the server."""
    with serving(script) as port:
        yield f"http://127.0.0.1:{port}"


class TestDownload:
    def test_download__brings_the_file_and_keeps_it(
        self, script: Script, address: str, tmp_path: Path
    ) -> None:
        script.files["/m.gguf"] = CONTENT

        for _ in range(2):
            download(f"{address}/m.gguf", tmp_path / "m.gguf")

        assert (tmp_path / "m.gguf").read_bytes() == CONTENT
        assert len(script.requests) == 1
        assert [path.name for path in tmp_path.iterdir()] == ["m.gguf"]

    def test_download__goes_on_where_the_connection_broke(
        self, script: Script, address: str, tmp_path: Path
    ) -> None:
        script.files["/m.gguf"] = CONTENT
        script.break_after = [1000, 500]

        download(f"{address}/m.gguf", tmp_path / "m.gguf")

        assert (tmp_path / "m.gguf").read_bytes() == CONTENT
        assert [headers.get("range") for _, _, headers in script.requests] == [
            None,
            "bytes=1000-",
            "bytes=1500-",
        ]

    def test_download__starts_anew_when_the_file_has_changed_meanwhile(
        self, script: Script, address: str, tmp_path: Path
    ) -> None:
        script.files["/m.gguf"] = b"x" * 2048
        script.break_after = [100] * attempts.ATTEMPTS
        with pytest.raises(FetchError, match="kept breaking off"):
            download(f"{address}/m.gguf", tmp_path / "m.gguf")

        script.break_after.clear()
        script.files["/m.gguf"] = CONTENT
        download(f"{address}/m.gguf", tmp_path / "m.gguf")

        assert (tmp_path / "m.gguf").read_bytes() == CONTENT

    def test_download__starts_anew_when_the_server_names_no_versions(
        self, script: Script, address: str, tmp_path: Path
    ) -> None:
        script.files["/m.gguf"] = CONTENT
        script.etags = False
        script.break_after = [1000]

        download(f"{address}/m.gguf", tmp_path / "m.gguf")

        assert (tmp_path / "m.gguf").read_bytes() == CONTENT
        assert all("range" not in headers for _, _, headers in script.requests)

    def test_download__comes_back_to_a_busy_server(
        self, script: Script, address: str, tmp_path: Path
    ) -> None:
        script.files["/m.gguf"] = CONTENT
        script.statuses = [503, 429]

        download(f"{address}/m.gguf", tmp_path / "m.gguf")

        assert (tmp_path / "m.gguf").read_bytes() == CONTENT

    @pytest.mark.parametrize(
        ("status", "said"),
        [
            pytest.param(404, "answers 404: check the URI", id="not there"),
            pytest.param(403, "answers 403: give credentialsSecretRef a key", id="refused"),
        ],
    )
    def test_download__does_not_insist_when_refused(
        self, script: Script, address: str, tmp_path: Path, status: int, said: str
    ) -> None:
        script.statuses = [status]

        with pytest.raises(FetchError, match=said):
            download(f"{address}/m.gguf", tmp_path / "m.gguf")
        assert len(script.requests) == 1

    def test_download__does_not_hand_credentials_on_to_where_it_is_redirected(
        self, script: Script, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HTTPS_AUTHORIZATION", "Bearer planted")
        script.files["/elsewhere"] = CONTENT
        script.redirects["/m.gguf"] = f"{address}/elsewhere"

        download(f"{address}/m.gguf", tmp_path / "m.gguf")

        assert [headers.get("authorization") for _, _, headers in script.requests] == [
            "Bearer planted",
            None,
        ]

    @pytest.mark.parametrize("broken", [pytest.param([], id="at once"),
                                        pytest.param([1000], id="after a break")])  # fmt: skip
    def test_download__brings_a_file_that_is_as_large_as_it_may_be(
        self, script: Script, address: str, tmp_path: Path, broken: list[int]
    ) -> None:
        script.files["/items.jsonl"] = CONTENT
        script.break_after = broken

        download(f"{address}/items.jsonl", tmp_path / "items.jsonl", len(CONTENT))

        assert (tmp_path / "items.jsonl").read_bytes() == CONTENT

    def test_download__brings_nothing_of_a_file_that_is_too_large(
        self, script: Script, address: str, tmp_path: Path
    ) -> None:
        script.files["/items.jsonl"] = CONTENT

        with pytest.raises(FetchError, match="has 2048 bytes or more, at most 2047 are fetched"):
            download(f"{address}/items.jsonl", tmp_path / "items.jsonl", len(CONTENT) - 1)
        assert not (tmp_path / "items.jsonl").exists()
        assert len(script.requests) == 1, "another try would find the same"

    def test_download__says_that_nobody_is_there(self, tmp_path: Path) -> None:
        with pytest.raises(FetchError, match=r"kept breaking off|cannot be reached"):
            download("http://127.0.0.1:1/m.gguf", tmp_path / "m.gguf")


def run(uri: str, destination: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """What the init container runs."""
    return subprocess.run(
        [sys.executable, "-m", "rocksteady.fetch", uri, str(destination)],
        env={"PATH": os.environ["PATH"], "HOME": str(destination.parent), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".complete"
    }


@pytest.mark.timeout(90)
class TestProgram:
    @pytest.fixture
    def trusted(self, script: Script, tmp_path: Path) -> Iterator[tuple[str, str]]:
        """Address of a server with TLS, and the certificate that a client has to trust."""
        key, certificate = str(tmp_path / "tls.key"), str(tmp_path / "tls.crt")
        command = (
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1"
            " -subj /CN=localhost -addext subjectAltName=DNS:localhost"
            " -addext keyUsage=critical,digitalSignature,keyCertSign"
        )
        files = ["-keyout", key, "-out", certificate]
        subprocess.run([*command.split(), *files], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        with serving(script, context) as port:
            yield f"localhost:{port}", certificate

    def test_fetch__of_a_pinned_file_of_a_web_server(
        self, script: Script, trusted: tuple[str, str], tmp_path: Path
    ) -> None:
        address, certificate = trusted
        script.files["/a/m.gguf"] = CONTENT
        digest = hashlib.sha256(CONTENT).hexdigest()

        uri = f"https://{address}/a/m.gguf?signature=planted#sha256={digest}"
        done = run(uri, tmp_path / "key", SSL_CERT_FILE=certificate)

        assert done.returncode == 0, done.stderr
        assert contents(tmp_path / "key") == {"m.gguf": CONTENT}
        assert script.requests[0][1] == "/a/m.gguf?signature=planted"
        assert "planted" not in done.stdout

    def test_fetch__of_a_file_that_is_not_the_pinned_one(
        self, script: Script, trusted: tuple[str, str], tmp_path: Path
    ) -> None:
        address, certificate = trusted
        script.files["/m.gguf"] = b"another file"

        uri = f"https://{address}/m.gguf#sha256={'0' * 64}"
        done = run(uri, tmp_path / "key", SSL_CERT_FILE=certificate)

        assert done.returncode == 1
        assert f"but the URI says {'0' * 64}" in done.stderr
        assert not (tmp_path / "key").exists()

    def test_fetch__goes_on_encrypted_only(
        self, script: Script, trusted: tuple[str, str], address: str, tmp_path: Path
    ) -> None:
        host, certificate = trusted
        script.files["/plain.gguf"] = CONTENT
        script.redirects["/m.gguf"] = f"{address}/plain.gguf"

        done = run(f"https://{host}/m.gguf", tmp_path / "key", SSL_CERT_FILE=certificate)

        assert done.returncode == 1
        assert "redirects to an address without encryption" in done.stderr

    def test_fetch__of_a_server_that_nobody_vouches_for(
        self, trusted: tuple[str, str], tmp_path: Path
    ) -> None:
        done = run(f"https://{trusted[0]}/m.gguf", tmp_path / "key")

        assert done.returncode == 1
        assert "cannot be reached" in done.stderr
        assert "certificate verify failed" in done.stderr

    def test_fetch__ends_at_once_when_its_pod_is_deleted(self, tmp_path: Path) -> None:
        with (tmp_path / ".lock-key").open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            command = [sys.executable, "-m", "rocksteady.fetch", "s3://b/m", str(tmp_path / "key")]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
                assert program.stdout is not None
                assert any("waiting" in line for line in program.stdout)
                program.send_signal(signal.SIGTERM)

                assert program.wait(5) == 128 + signal.SIGTERM

    def test_fetch__of_a_bucket_over_the_s3_protocol(
        self, script: Script, address: str, tmp_path: Path
    ) -> None:
        script.files = {
            "/models/smollm2/config.json": b"{}",
            "/models/smollm2/weights/a.safetensors": CONTENT,
            "/models/smollm2-other/config.json": b"not this one",
        }
        environment = {"AWS_ENDPOINT_URL": address, "AWS_ALLOW_HTTP": "true"}

        done = run("s3://models/smollm2", tmp_path / "key", **environment)

        assert done.returncode == 0, done.stderr
        assert contents(tmp_path / "key") == {
            "config.json": b"{}",
            "weights/a.safetensors": CONTENT,
        }
        assert all("authorization" not in headers for _, _, headers in script.requests)
        assert "2 of 2 files to fetch" in done.stdout

    @pytest.mark.parametrize(
        "uri",
        [
            pytest.param("s3://models/smollm2", id="a listing"),
            pytest.param("s3://models/m.gguf", id="a file"),
        ],
    )
    def test_fetch__of_a_bucket_that_refuses_names_the_keys_and_no_secret(
        self, script: Script, address: str, tmp_path: Path, uri: str
    ) -> None:
        script.statuses = [403] * 20
        environment = {
            "AWS_ENDPOINT_URL": address,
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": "AKIAPLANTED",
            "AWS_SECRET_ACCESS_KEY": "planted-secret",
        }

        done = run(uri, tmp_path / "key", **environment)

        assert done.returncode == 1
        assert "needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in done.stderr
        assert len(done.stderr.splitlines()) == 1
        assert "planted" not in (done.stderr + done.stdout).lower()

    @pytest.fixture
    def hub(self, script: Script) -> Script:
        """A model hub with one repository."""
        files = {
            "config.json": b"{}",
            "q4/m.gguf": CONTENT,
            "q4/other.gguf": b"not this one",
            "original/consolidated.00.pth": b"the same again",
        }
        tree = [
            {"type": "file", "path": name, "size": len(content), "oid": etag_of(name)[:40]}
            for name, content in files.items()
        ]
        information = {
            "id": "org/name",
            "sha": COMMIT,
            "siblings": [{"rfilename": name} for name in files],
        }
        as_json = json.dumps
        for revision in (COMMIT, "main"):
            base = "/api/models/org/name"
            script.files[f"{base}/revision/{revision}"] = as_json(information).encode()
            script.files[f"{base}/tree/{revision}"] = as_json(tree).encode()
        commit = {"id": COMMIT, "title": "t", "message": "", "authors": [], "date": ""}
        commit["date"] = "2026-11-02T10:00:00.000Z"
        script.files["/api/models/org/name/commits/main"] = as_json([commit]).encode()
        for name, content in files.items():
            script.files[f"/org/name/resolve/{COMMIT}/{name}"] = content
        return script

    @pytest.mark.parametrize(
        ("uri", "expected"),
        [
            pytest.param(
                f"hf://org/name/q4/m.gguf@{COMMIT}", {"m.gguf": CONTENT}, id="a file of a commit"
            ),
            pytest.param(
                "hf://org/name/q4@7e27bd9",
                {"m.gguf": CONTENT, "other.gguf": b"not this one"},
                id="a folder of an abbreviated commit",
            ),
            pytest.param(
                "hf://org/name",
                {"config.json": b"{}", "q4/m.gguf": CONTENT, "q4/other.gguf": b"not this one"},
                id="a whole repository, but not the second copy of its weights",
            ),
            pytest.param(
                "hf://org/name/original",
                {"consolidated.00.pth": b"the same again"},
                id="the second copy, to those who ask for it",
            ),
        ],
    )
    def test_fetch__of_a_repository(
        self, hub: Script, address: str, tmp_path: Path, uri: str, expected: dict[str, bytes]
    ) -> None:
        done = run(uri, tmp_path / "key", HF_ENDPOINT=address, HF_TOKEN="hf_planted")

        assert done.returncode == 0, done.stderr
        assert contents(tmp_path / "key") == expected
        assert any(headers.get("authorization") for _, _, headers in hub.requests)
        assert "hf_planted" not in done.stdout + done.stderr

    @pytest.mark.parametrize(
        ("uri", "said"),
        [
            pytest.param(
                f"hf://org/name/none.gguf@{COMMIT}", "has no 'none.gguf'", id="no such file"
            ),
            pytest.param(
                f"hf://org/other@{COMMIT}",
                "hf://org/other does not exist, or it is private",
                id="no such repository",
            ),
        ],
    )
    @pytest.mark.usefixtures("hub")
    def test_fetch__of_what_a_hub_does_not_have(
        self, address: str, tmp_path: Path, uri: str, said: str
    ) -> None:
        done = run(uri, tmp_path / "key", HF_ENDPOINT=address)

        assert done.returncode == 1
        assert said in done.stderr
        assert len(done.stderr.splitlines()) == 1
        assert not (tmp_path / "key").exists()
