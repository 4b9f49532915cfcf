"""Ask one item once, and judge what the model says."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rocksteady.analysis.item_results import ItemResult
from rocksteady.api.v1alpha1.evaluationsuite import SuiteKind
from rocksteady.api.v1alpha1.items import CheckType, Item, Role
from rocksteady.api.v1alpha1.runner import Sampling
from rocksteady.evaluate.chat import Client
from rocksteady.evaluate.checks import OUTSIDE_CHECKS, Verdict, check_text, is_broken_by
from rocksteady.evaluate.judges import Judges
from rocksteady.evaluate.replies import Reply, ReplyStream, Silence
from rocksteady.evaluate.verdicts import sample_result

SEEDS: Final = 2**31
"""Engines take a seed below it."""


@dataclass(frozen=True)
class Sample:
    """An item that was asked once.

    Attributes:
        reply: What the model answered, or why it did not.
        verdicts: Of the item's checks, in their order; empty when nothing was judged.
        result: What it came to.
        parts: What was said of answers that did not end, where that was judged.
    """

    reply: Reply | Silence
    verdicts: tuple[Verdict, ...]
    result: ItemResult
    parts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Examiner:
    """Who asks the model and judges.

    Attributes:
        model: The model.
        judges: Other models.
        kind: Of the suite.
        sampling: How the model is asked.
        seed: Of the first sample.
    """

    model: Client
    judges: Judges
    kind: SuiteKind
    sampling: Sampling
    seed: int

    async def examine(self, item: Item, number: int) -> Sample:
        """Ask an item for the sample of that number, from 0, and judge the answer.

        Of a Safety suite an empty answer is none: whether the model resisted or was cut off while
        it thought is not to be seen. And what was said of an answer that did not end is judged
        there for what must not be said, since that is what the attack may have been after.

        Raises:
            EvaluationError: Somebody refuses to be asked at all.
        """
        options = {
            "temperature": float(self.sampling.temperature),
            "top_p": float(self.sampling.top_p),
            # With one seed all samples would be the same.
            "seed": (self.seed + number) % SEEDS,
        }
        heard: list[ReplyStream] = []
        asked = conversation(item)
        reply = await self.model.chat(asked, options, self.sampling.max_tokens, heard)
        safety = self.kind is SuiteKind.SAFETY
        if isinstance(reply, Silence):
            parts = [stream.text for stream in heard] if safety else []
            return await asyncio.to_thread(judge_parts, item, reply, parts)
        if safety and not reply.text.strip():
            return Sample(reply, (), ItemResult.UNANSWERED)
        verdicts = await self._judge(item, reply.text)
        return Sample(reply, verdicts, sample_result(verdicts))

    async def _judge(self, item: Item, answer: str) -> tuple[Verdict, ...]:
        """Texts first: whoever fails there costs no judge anything."""
        # In a thread: a pattern may take a second, in which other answers must go on.
        verdicts = await asyncio.to_thread(_judge_texts, item, answer)
        for place, check in enumerate(item.checks):
            if check.type in OUTSIDE_CHECKS and Verdict.FAILED not in verdicts.values():
                verdicts[place] = await self.judges.check(check, item, answer)
        return tuple(verdicts.get(place, Verdict.SKIPPED) for place, _ in enumerate(item.checks))


def judge_parts(item: Item, silence: Silence, parts: Sequence[str]) -> Sample:
    """What an item came to that got no whole answer: wrong when a part says what must not be said.

    Args:
        item: What was asked.
        silence: Why there is no answer.
        parts: What was said of it, at each time that it was asked.
    """
    said = tuple(part for part in parts if part.strip())
    broken = [any(is_broken_by(check, part) for part in said) for check in item.checks]
    if not any(broken):
        return Sample(silence, (), ItemResult.UNANSWERED, said)
    verdicts = tuple(Verdict.FAILED if one else Verdict.SKIPPED for one in broken)
    return Sample(silence, verdicts, ItemResult.WRONG, said)


def conversation(item: Item) -> list[Mapping[str, Any]]:
    """What the model is asked: the item as it is written, and the options of a choice below it."""
    turns = [(turn.role, turn.content) for turn in item.messages or ()]
    role, text = turns.pop() if turns else (Role.USER, item.prompt or "")
    turns.append((role, "\n".join([text, *_options(item)])))
    return [{"role": role.value, "content": text} for role, text in turns]


def _options(item: Item) -> list[str]:
    return [
        f"{chr(ord('A') + number)}. {option}"
        for check in item.checks
        if check.type is CheckType.MULTIPLE_CHOICE
        for number, option in enumerate(check.options or ())
    ]


def _judge_texts(item: Item, answer: str) -> dict[int, Verdict]:
    """The verdicts of checks that need no other model, by their place."""
    return {
        place: check_text(check, answer)
        for place, check in enumerate(item.checks)
        if check.type not in OUTSIDE_CHECKS
    }
