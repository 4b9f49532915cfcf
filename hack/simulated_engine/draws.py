"""What happens to each request, drawn from seeded randomness."""

import math
import random
from dataclasses import dataclass

from hack.simulated_engine.flags import Behaviour


@dataclass(frozen=True)
class Fate:
    """What happens to one request.

    Attributes:
        fails: It is answered with status 500, at once.
        first_token_seconds: From the start of its run to its first token.
        token_seconds: Between two of its tokens.
    """

    fails: bool
    first_token_seconds: float
    token_seconds: float


class Draws:
    """Draws the fate of one request after the other.

    Errors, first tokens and later tokens come from a sequence each, so that engines which differ
    in one of them are alike in the others.

    Args:
        behaviour: What to draw by.
    """

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        seed = behaviour.seed
        # Text, since neighbouring numbers are no better than a random seed is.
        sources = [
            random.Random(None if seed is None else f"{name} {seed}")  # noqa: S311 - no secret
            for name in ("errors", "first tokens", "later tokens")
        ]
        self._errors, self._first_tokens, self._later_tokens = sources

    def draw(self, ready_seconds: float) -> Fate:
        """Draw for the next request.

        Args:
            ready_seconds: How long the engine has been ready.
        """
        ours = self._behaviour
        failing = ready_seconds >= ours.fail_after_seconds
        error_percent = ours.fail_percent if failing else ours.error_percent
        first = self._first_tokens.lognormvariate(math.log(ours.first_token_seconds), ours.sigma)
        later = self._later_tokens.lognormvariate(math.log(ours.token_seconds), ours.token_sigma)
        return Fate(
            fails=self._errors.random() * 100 < error_percent,
            first_token_seconds=first * ours.latency_factor,
            token_seconds=later * ours.latency_factor,
        )
