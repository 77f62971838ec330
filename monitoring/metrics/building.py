"""What every family of figures needs."""

from collections.abc import Iterable, Mapping, Sequence

from prometheus_client.core import HistogramMetricFamily
from prometheus_client.utils import floatToGoString

from dietintel.counting import Histogram


def histogram(
    name: str,
    about: str,
    names: Sequence[str],
    kept: Histogram,
    rows: Iterable[tuple[Sequence[str], Mapping[str, int]]],
) -> HistogramMetricFamily:
    """A family of histograms; `rows` are (labels, event → value). What was never measured is left out."""
    ends = [floatToGoString(bound) for bound in (*kept.bounds, float("inf"))]  # type: ignore[no-untyped-call]
    family = HistogramMetricFamily(name, about, labels=names)
    for labels, events in rows:
        upto, total_s = kept.seen(events)
        if upto[-1]:
            family.add_metric(labels, [(end, float(count)) for end, count in zip(ends, upto, strict=True)], total_s)
    return family
