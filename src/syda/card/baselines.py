"""Tables with baselines: KID of volumes that no generator made, and regressors by training."""

from syda.card.documents import Document
from syda.card.facts import Row


def kid(details: Document) -> list[Row]:
    """KID of volumes that no generator made, one row for each kind."""
    at = ("kid_baselines", "figures")
    columns = {
        "volumes": "title", "KID": "value", "95 % interval, low": "low",
        "95 % interval, high": "high", "n": "n",
    }  # fmt: skip
    return [
        {label: details.fact(label, *at, name, key) for label, key in columns.items()}
        for name in sorted(details.value(*at))
    ]


def utility(details: Document) -> list[Row]:
    """Figures of the regressors, one row a property: trained on three sets of volumes."""
    columns = {
        "figure": ("figure",),
        "trained on synthetic volumes": ("synthetic", "value"),
        "95 % interval, low": ("synthetic", "low"),
        "95 % interval, high": ("synthetic", "high"),
        "trained on real scans": ("real", "value"),
        "trained on the resized mean scan": ("resized_mean", "value"),
        "n": ("synthetic", "n"),
    }
    return [
        {"property": name}
        | {
            label: details.fact(label, "utility", "figures", name, *where)
            for label, where in columns.items()
        }
        for name in sorted(details.value("utility", "figures"))
    ]
