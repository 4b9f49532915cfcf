"""How load is started and ended: the load tool is a script that writes down what it is told."""

import json
from pathlib import Path

import pytest

from tests.kubectl import wait_until
from tests.load import Load, chat_request

ENDS_WHEN_TOLD = """
attack)
  for option in "$@"; do
    case $option in
      -output=*) results=${option#*=} ;;
      -targets=*) cp "${option#*=}" TARGET ;;
    esac
  done
  echo "$*" >COMMAND
  env >ENVIRONMENT
  trap 'echo interrupted >>COMMAND; printf %s "$RESULT" >"$results"; exit 0' INT
  RESULT='{"timestamp":"2026-11-25T02:18:49.5Z","code":200,"latency":250000000,"error":""}'
  touch STARTED
  while true; do sleep 0.05; done
  ;;
encode) cat "$4" ;;
"""


@pytest.fixture
def tool(tmp_path: Path) -> Path:
    program = tmp_path / "vegeta"
    script = f'#!/bin/sh\nresults=\nPATH=/usr/bin:/bin\ncase "$1" in\n{ENDS_WHEN_TOLD}\nesac\n'
    for name in ("TARGET", "COMMAND", "ENVIRONMENT", "STARTED"):
        script = script.replace(f" {name}", f" {tmp_path}/{name}")
        script = script.replace(f">{name}", f">{tmp_path}/{name}")
    program.write_text(script, encoding="utf-8")
    program.chmod(0o755)
    return program


REQUEST = chat_request("http://127.0.0.1:8080", "chat.example.com", "simulated")


def test_load__ends_with_the_block_and_then_tells_how_it_went(
    tool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with Load(tool, REQUEST, per_second=150, seconds=60) as load:
        wait_until((tool.parent / "STARTED").exists, "it sends")
        assert load.outcome.answers == ()
    assert load.outcome.codes == {200: 1}
    assert load.outcome.latency_seconds(50) == 0.25
    command, interrupted = (tool.parent / "COMMAND").read_text().splitlines()
    assert interrupted == "interrupted"
    assert "-rate=150/1s -duration=60s -timeout=30s" in command
    sent = json.loads((tool.parent / "TARGET").read_text())
    assert sent["header"]["Host"] == ["chat.example.com"]
    assert "PROXY" not in (tool.parent / "ENVIRONMENT").read_text()


def fail_under_load(load: Load, started: Path) -> None:
    with load:
        wait_until(started.exists, "it sends")
        raise RuntimeError("the test failed")


def test_load__ends_as_well_when_the_block_fails(tool: Path) -> None:
    load = Load(tool, REQUEST, per_second=1, seconds=60)
    with pytest.raises(RuntimeError, match="the test failed"):
        fail_under_load(load, tool.parent / "STARTED")
    assert load.elapsed_seconds < 20
    assert load._process.returncode == 0
