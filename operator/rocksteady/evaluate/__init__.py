"""Run a suite against one revision: what the Job of a Builtin runner is.

`python -m rocksteady.evaluate` asks the model, judges its answers and leaves a
`api.run_result.RunResult` in the container's termination message. How it is started, and what its
exit codes mean, is in docs/reference/evaluation-runners.md. Prompts, answers and keys appear in no
message, log or error: what a suite asks may be private, and those who read logs are many.
"""


class EvaluationError(Exception):
    """Nothing can be said of the model, and another try would end in the same way.

    The message is for people and holds nothing of a prompt or an answer.
    """


class UnavailableError(EvaluationError):
    """Nothing can be said of the model yet: nobody answered, and another try may cure it."""
