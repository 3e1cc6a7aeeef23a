"""Results of a study: figures of all readers together, without free text and without a person."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from syda.reading import statistics
from syda.reading.design import VolumeKind
from syda.reading.key import StudyKey
from syda.reading.responses import LEVELS, ORGAN_RATINGS, ORGANS, ItemReading, ReaderReadings

KINDS: tuple[VolumeKind, ...] = ("real", "synthetic")

METHOD = (
    "ROC AUC by Mann-Whitney on ten levels; 95 % interval over readers and volumes by Obuchowski "
    "and Rockette 1995, for one modality as in Hillis 2014, covariance by DeLong 1988"
)

METHOD_ONE_READER = (
    "ROC AUC by Mann-Whitney on ten levels; 95 % interval over volumes alone, as there is one "
    "reader, covariance by DeLong 1988"
)


def evaluate(key: StudyKey, readers: Sequence[ReaderReadings]) -> dict[str, Any]:
    """Return the results for ``model_card/reader_study.json``.

    Args:
        key: of the study.
        readers: their readings, at least of one.
    """
    truth = np.array([volume.kind == "synthetic" for volume in key.volumes])
    scores = _table(readers, key, lambda one: one.response.score).astype(np.float64)
    study = {
        name: getattr(key, name)
        for name in ("data_version", "artificial", "weights_sha256", "grid", "key_sha256")
    }
    return {
        **study,
        "volumes": dict(Counter(volume.kind for volume in key.volumes)),
        "readers": _readers(key, readers),
        "method": METHOD if len(readers) > 1 else METHOD_ONE_READER,
        "auc": asdict(statistics.mean_figure(statistics.auc_components(scores, truth))),
        "accuracy": asdict(statistics.mean_figure(statistics.accuracy_components(scores, truth))),
        "agreement": _agreement(key, readers),
        "self_agreement": _self_agreement(readers),
        "organs": {organ: _shares(readers, organ) for organ in ORGANS},
        "realism": {kind: _mean_realism(readers, kind) for kind in KINDS},
    }


def summary(results: dict[str, Any]) -> list[str]:
    """Return the main figures as lines of text."""
    readers = results["readers"]
    lines = [
        f"{readers['read']} of {readers['invited']} readers, "
        f"{results['volumes']['real']} real and {results['volumes']['synthetic']} synthetic volumes"
    ]
    for name, label in (("auc", "ROC AUC"), ("accuracy", "accuracy")):
        figure = results[name]
        ends = (
            "no interval: no variance can be estimated"
            if figure["low"] is None
            else f"95 % interval {figure['low']:.2f} to {figure['high']:.2f}"
        )
        lines.append(f"{label} {figure['value']:.2f}, {ends}")
    agreement = results["agreement"]["decision"]
    lines.append(f"agreement of readers, Fleiss' kappa: {_or_dash(agreement)}")
    again = results["self_agreement"]
    lines.append(
        f"self-agreement on {again['pairs']} repeated items, Cohen's kappa: "
        f"{_or_dash(again['decision'])}"
    )
    for organ, shares in results["organs"].items():
        by_kind = ", ".join(f"{kind} {shares[kind]['plausible']:.0%}" for kind in KINDS)
        lines.append(f"{organ} plausible: {by_kind}")
    return lines


def _or_dash(kappa: float | None) -> str:
    return "not defined" if kappa is None else f"{kappa:.2f}"


def _table(readers: Sequence[ReaderReadings], key: StudyKey, value: Any) -> NDArray[np.intp]:
    """``[R, V]`` of a value of each first reading."""
    first = [reader.first() for reader in readers]
    return np.array(
        [[value(one[volume]) for volume in range(len(key.volumes))] for one in first], np.intp
    )


def _readers(key: StudyKey, readers: Sequence[ReaderReadings]) -> dict[str, Any]:
    seconds = [one.response.seconds for reader in readers for one in reader.readings]
    return {
        "invited": len(key.readers),
        "read": len(readers),
        "roles": dict(Counter(reader.role for reader in readers)),
        "median_years": float(np.median([reader.years for reader in readers])),
        "median_seconds": float(np.median(seconds)),
    }


def _decision(reading: ItemReading) -> int:
    return KINDS.index(reading.response.decision)


def _organ(reading: ItemReading, organ: str) -> int:
    return ORGAN_RATINGS.index(reading.response.organs.model_dump(by_alias=True)[organ])


def _agreement(key: StudyKey, readers: Sequence[ReaderReadings]) -> dict[str, float | None]:
    found = {"decision": statistics.fleiss_kappa(_table(readers, key, _decision), len(KINDS))}
    for organ in ORGANS:
        ratings = _table(readers, key, lambda one, organ=organ: _organ(one, organ))
        found[organ] = statistics.fleiss_kappa(ratings, len(ORGAN_RATINGS))
    return found


def _self_agreement(readers: Sequence[ReaderReadings]) -> dict[str, Any]:
    """Agreement of repeated items with themselves, the pairs of all readers together."""
    pairs = [pair for reader in readers for pair in reader.repeated()]
    decision = np.array([[_decision(one) for one in pair] for pair in pairs], np.intp)
    realism = np.array([[one.response.realism - 1 for one in pair] for pair in pairs], np.intp)
    decision, realism = decision.reshape(-1, 2), realism.reshape(-1, 2)
    return {
        "pairs": len(pairs),
        "same_decision": float((decision[:, 0] == decision[:, 1]).mean()) if pairs else None,
        "decision": statistics.weighted_kappa(decision[:, 0], decision[:, 1], len(KINDS)),
        "realism": statistics.weighted_kappa(realism[:, 0], realism[:, 1], LEVELS),
    }


def _of_kind(readers: Sequence[ReaderReadings], kind: VolumeKind) -> list[ItemReading]:
    return [one for reader in readers for one in reader.first().values() if one.kind == kind]


def _shares(readers: Sequence[ReaderReadings], organ: str) -> dict[str, dict[str, float]]:
    """Share of each rating of an organ, among real and among synthetic volumes."""
    found: dict[str, dict[str, float]] = {}
    for kind in KINDS:
        ratings = np.array([_organ(one, organ) for one in _of_kind(readers, kind)])
        found[kind] = {name: float((ratings == n).mean()) for n, name in enumerate(ORGAN_RATINGS)}
    return found


def _mean_realism(readers: Sequence[ReaderReadings], kind: VolumeKind) -> float:
    return float(np.mean([one.response.realism for one in _of_kind(readers, kind)]))
