"""Run a suite of lm-evaluation-harness or inspect_ai against one revision.

`python -m rocksteady.evaluate.harness` writes the harness's configuration, runs it as a program of
its own, reads what it left, and puts an `api.run_result.RunResult` into the container's termination
message. Neither harness is imported, so this package needs none of them. What a harness prints may
hold prompts and answers: it goes into the artifacts alone, and of its errors only the names of
their classes are told. How to write such suites is in docs/reference/evaluation-harnesses.md.
"""
