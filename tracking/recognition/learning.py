"""What training learns of one person's photos: how much light, angle and distance change them.

How much confirmed photos of the same dish differ is seen at every look (`personal`). Training adds how much a photo
differs from its variants (`variants`): so many more that light, angle and distance are told from food long before a
dish was photographed often. That takes seconds to minutes, which is why it is done beforehand and kept.

Nothing else is learned: to fit the confidence to the person's own photos as well, by cross-validation, made more of the
sure answers wrong (benchmarks/recognition.py with eight photos of each dish); they are too few.
"""

from collections.abc import Sequence

from tracking.recognition.arrays import Array, np
from tracking.recognition.weights import Weights


def train(moved: Sequence[Array]) -> Weights:
    """`moved`: of each photo how the features of its variants differ from its own, a row each; none for a lost file.

    At least one photo. Without any variants there is nothing but zeros to learn.
    """
    rows = np.concatenate(moved).astype(np.float64)
    return Weights(rows.T @ rows / max(1, len(rows)))
