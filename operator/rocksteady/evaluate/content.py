"""Whether what is mounted is what is meant: whoever may edit ConfigMaps can change it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rocksteady.api.suite_content import content_hash
from rocksteady.api.v1alpha1.evaluationsuite import EvaluationSuiteSpec
from rocksteady.api.v1alpha1.items import Item
from rocksteady.evaluate import EvaluationError


def check_content(
    environment: Mapping[str, str],
    spec: EvaluationSuiteSpec,
    items: Sequence[Item] | None,
    task_files: Path | None = None,
) -> None:
    """Refuse another content than that of CONTENT_HASH; without one, any.

    Args:
        environment: Of the run.
        spec: As it was mounted, without inline items.
        items: As they were mounted; None: only the run can read them.
        task_files: Folder with the runner's own tasks; None: there are none.

    Raises:
        EvaluationError: It is another; with nothing of it in the message.
    """
    expected = environment.get("CONTENT_HASH")
    if not expected:
        return
    found = content_hash(spec, items, {} if task_files is None else _texts(task_files))
    if found != expected:
        raise EvaluationError(
            f"the content is not the one that was meant: its hash is {found[:10]}, not"
            f" {expected[:10]}. Somebody edited the ConfigMap that keeps it; while the suite is"
            " still what it was, the next try has the right one, else begin anew"
        )


def _texts(folder: Path) -> dict[str, str]:
    """Files by name, as the ConfigMap has them; the kubelet's own folders begin with two dots."""
    try:
        return {
            file.name: file.read_text(encoding="utf-8")
            for file in sorted(folder.iterdir())
            if not file.name.startswith("..") and file.is_file()
        }
    except (OSError, ValueError) as error:
        raise EvaluationError(f"a task file cannot be read: {type(error).__name__}") from None
