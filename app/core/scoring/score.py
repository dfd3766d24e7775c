"""The score of one node, once it is known which devices a Pod would get there."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.core.scoring.mix import Mix, ScorePart
from app.core.scoring.prospect import Prospect

MAX_SCORE = 10
"""MaxExtenderPriority of the extender protocol."""
_MAX_RANK = 8  # FirstAvailableDeviceRequestMaxSize: subrequests in one request
_LIKED, _REST = 0.8, 0.2


@dataclass(frozen=True, slots=True)
class Score:
    """``points`` from 0 to ``MAX_SCORE``, and what they are made of."""

    points: int
    parts: tuple[ScorePart, ...]


def score(policy: Mix, prospect: Prospect, ranks: Sequence[int]) -> Score:
    """How good a node is for a Pod.

    Where requests have alternatives, the user's order of preference comes first, as in the in-tree
    plugin's Score: it makes four fifths of the score, the policies the rest.

    Args:
        ranks: the position of each chosen subrequest, 0 the best.
    Cost: that of the policies, O(devices of the node) for most.
    """
    parts = policy.parts(prospect)
    merit = sum(item.weight * item.score for item in parts) / sum(item.weight for item in parts)
    if ranks:
        # One step down any list costs the same however many lists there are: a mean over several lists
        # would round neighbors to the same points.
        liked = 1.0 - min(sum(ranks), _MAX_RANK - 1) / (_MAX_RANK - 1)
        merit = _LIKED * liked + _REST * merit
        total = sum(item.weight for item in parts)
        why = f"alternatives chosen: {', '.join(f'#{rank + 1}' for rank in ranks)}"
        parts = (ScorePart("prioritized-list", _LIKED / _REST * total, liked, why), *parts)
    return Score(max(0, min(MAX_SCORE, round(merit * MAX_SCORE))), parts)
