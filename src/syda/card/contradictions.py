"""Declared texts are checked against the facts: a text must not contradict the card.

A rule takes a text and yields its faults, each with the field of the card that says otherwise. A
number that a field of the card holds must not be typed, because the text would keep it when the
field changes. The values of the original checklist are not checked.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from syda.card import libraries
from syda.card.declared import texts_of
from syda.card.documents import canonical
from syda.card.facts import slug
from syda.card.inputs import CardInputs
from syda.card.seven_cs import SEVEN
from syda.card.signoffs import SignOff
from syda.errors import UsageError

FINDINGS = ("clinical_evaluation", "ethical_assessment", "consent", "signoffs")
"""Keys of texts about findings and agreements of people; their numbers are in no other file."""

_METRICS = (
    "MS-SSIM", "SSIM", "LPIPS", "KID", "FID", "Fréchet distance", "precision", "recall", "density",
    "coverage", "perceptual loss", "perceptual distance", "Wasserstein", "AUC", "Spearman",
    "rank correlation", "mean absolute error", "MAE",
)  # fmt: skip
"""Names of metrics in common use, in addition to the titles of the evaluation."""

_LIST_ITEM = r"\d+(?:\.\d+)*"
_REFERENCE = re.compile(
    r"\b(?:sections?|appendix|appendices|tables?|figures?) "
    rf"{_LIST_ITEM}(?:(?:,| and| to) {_LIST_ITEM})*",
    re.I,
)
"""Numbers of sections, tables and figures, which are no quantities."""

_NUMBER = r"(?<![\w.-])\d+(?:\.\d+)?(?!\w)"
_CANNOT = "cannot|can not|can't|never"
_QUANTITY = re.compile(
    rf"({_NUMBER}(?: x {_NUMBER})*)[ -]?"
    r"(%|mm|cm|HU|kV|voxels?|millimet(?:re|er)s?|patients?|scans?|volumes?)(?!\w)",
    re.I,
)
_CUBE = re.compile(rf"{_NUMBER}(?: x {_NUMBER}){{2}}")
_UNCHANGED_SIZE = re.compile(
    r"\b(?:native|original|full|isotropic) resolution\b"
    r"|\b(?:voxel size|spacing|resolution)\b(?:(?! not )[^.;]){0,20}"
    r"\b(?:kept|unchanged|preserved)\b",
    re.I,
)
_UNCONDITIONAL = re.compile(
    r"\bunconditional"
    rf"|\b(?:{_CANNOT})\b[^.;]{{0,20}}\basked for\b[^.;]{{0,20}}\bpropert\w*"
    r"|\b(?:only|solely)\b[^.;]{0,20}\brandom (?:numbers|noise)\b"
    r"|\brandom (?:numbers|noise) (?:only|alone)\b",
    re.I,
)
_CONDITIONAL = re.compile(
    r"(?<!un)\bconditional\b"
    r"|\b(?:given|asked for)\b[^.;]{0,30}\bpropert\w*"
    r"|\bpropert\w+\b[^.;]{0,30}\b(?:given|asked for)\b",
    re.I,
)
_NO_INFERENCE = re.compile(
    rf"\b(?:no|{_CANNOT})\b[^.;]{{0,40}}\bscan[^.;]{{0,40}}\bthrough the (?:model|generator)"
    rf"|\bscan[^.;]{{0,30}}\b(?:{_CANNOT})\b[^.;]{{0,30}}\bthrough the (?:model|generator)"
    r"|\bno inference\b",
    re.I,
)
_NO_EVALUATION = re.compile(
    r"\bevaluation\b[^.;]{0,30}\bnot applicable\b"
    r"|\bno (?:evaluation|held-out) (?:data|set|scans)\b",
    re.I,
)
_NEGATION = re.compile(
    r"\b(?:no|not|never|cannot|without|instead of|in place of|nor)\W+(?:\w+\W+){0,3}$", re.I
)


@dataclass(frozen=True)
class DeclaredText:
    """A text that people wrote.

    Attributes:
        file: relative to the repository root.
        key: dotted, within the file.
        words: of the text.
    """

    file: str
    key: str
    words: str

    @property
    def is_finding(self) -> bool:
        """Whether its numbers are findings of the writer, which no report holds."""
        return self.key.split(".")[0] in FINDINGS


Rule = Callable[[DeclaredText, CardInputs], Iterable[str]]


def check(inputs: CardInputs, signed_off: Sequence[SignOff]) -> None:
    """Refuse texts that contradict the facts.

    Raises:
        UsageError: a text does; the message has the key, the words and the field of each.
    """
    found = contradictions(texts(inputs, signed_off), inputs)
    if found:
        raise UsageError("; ".join(found))


def texts(inputs: CardInputs, signed_off: Sequence[SignOff]) -> list[DeclaredText]:
    """Return the texts to check: declared ones, those of the policy and of sign-offs."""
    declared = inputs.declared
    texts_declared = declared.content.model_dump(exclude={"historical"})
    policy = inputs.policy
    texts_policy = policy.content.model_dump(exclude={"structure", "required"})
    return [
        *(DeclaredText(declared.path, key, words) for key, words in texts_of(texts_declared)),
        *(DeclaredText(policy.path, key, words) for key, words in texts_of(texts_policy)),
        *(
            DeclaredText("src/syda/card/libraries.py", key, words)
            for key, words in texts_of(libraries.policy())
        ),
        *(
            DeclaredText("src/syda/card/seven_cs.py", f"{one.number}.{key}", words)
            for one in SEVEN
            for key, words in (("question", one.question), ("limits", one.limits))
        ),
        *(
            DeclaredText("model_card/signoffs.yaml", f"signoffs.{number}.meaning", one.meaning)
            for number, one in enumerate(signed_off)
        ),
    ]


def contradictions(found: Iterable[DeclaredText], inputs: CardInputs) -> list[str]:
    """Return one line for each fault: file, key, words, and the field that says otherwise."""
    return [
        f"{text.file}: {text.key}: {wrong}"
        for text in found
        for rule in RULES
        for wrong in rule(text, inputs)
    ]


def quantities(text: DeclaredText, inputs: CardInputs) -> Iterator[str]:
    """A quantity in units of the pipeline is in a field, and must not be typed."""
    if text.is_finding:
        return
    for match in [*_QUANTITY.finditer(text.words), *_CUBE.finditer(text.words)]:
        unit = match[2].lower() if match.re is _QUANTITY else "voxels"
        shown = ", ".join(
            f"{field} says {value}" for field, value in _fields_with_unit(unit, inputs)
        )
        yield f"types {match[0]!r}: {shown or 'a number of the pipeline'}: name the section instead"


def _fields_with_unit(unit: str, inputs: CardInputs) -> list[tuple[str, str]]:
    """Fields with quantities of a unit, with their values."""
    train, pack = inputs.manifests["train"], inputs.reports["pack"]
    ct = train.value("params", "ct")
    if unit in ("mm", "cm") or unit.startswith("millimet"):
        after = ct["spacing_mm"] * pack.value("longest_sides", "train", "median") / ct["size"]
        return [
            ("4.1.nominal_spacing", f"{ct['spacing_mm']:g} mm"),
            ("4.1.effective_spacing_median", f"{after:.4g} mm"),
        ]
    if unit == "hu":
        ends = (ct["window_min"], ct["window_max"])
        return [("4.1.window_min and window_max", f"{ends[0]:g} and {ends[1]:g} HU")]
    if unit.startswith("voxel"):
        return [("4.1.size", str(ct["size"]))]
    if unit.startswith(("patient", "scan")):
        name = "patients" if unit.startswith("patient") else "cases"
        return [(f"2.1.train_{name}", str(pack.value(name, "train")))]
    if unit.startswith("volume"):
        return [("5.n_synthetic", str(inputs.reports["metrics"].value("n", "synthetic")))]
    return []


def voxel_size(text: DeclaredText, inputs: CardInputs) -> Iterator[str]:
    """The fit to the cube changes the voxel size, so no text may say that it is unchanged."""
    fitted = dict(_fields_with_unit("mm", inputs))
    if len(set(fitted.values())) > 1:
        for match in _UNCHANGED_SIZE.finditer(text.words):
            shown = ", ".join(f"{field} says {value}" for field, value in fitted.items())
            yield f"says {match[0]!r}: the longest side is fitted: {shown}"


def properties(text: DeclaredText, inputs: CardInputs) -> Iterator[str]:
    """A text must not call a conditional model unconditional, or the other way round."""
    names = inputs.manifests["train"].value("params", "model", "properties")
    pattern = _UNCONDITIONAL if names else _CONDITIONAL
    shown = ", ".join(names) or "an empty list"
    for match in pattern.finditer(text.words):
        if _denied(text.words, match):
            continue
        yield f"says {match[0]!r}: model.properties in 4.4.parameters says {shown}"


def inference(text: DeclaredText, inputs: CardInputs) -> Iterator[str]:
    """A text must not say that a scan cannot go through the model."""
    for match in _NO_INFERENCE.finditer(text.words):
        yield f"says {match[0]!r}: 4.2.shadow says that `syda shadow` takes one through"


def evaluation(text: DeclaredText, inputs: CardInputs) -> Iterator[str]:
    """A text must not say that there is no evaluation data."""
    cases = inputs.reports["pack"].value("cases", "holdout")
    for match in _NO_EVALUATION.finditer(text.words):
        yield f"says {match[0]!r}: 3.1.cases says {cases} held-out scans"


def metrics(text: DeclaredText, inputs: CardInputs) -> Iterator[str]:
    """The figure of a metric is in section 5, and must not be typed next to its name."""
    details = inputs.reports["details"]
    titles = [about["title"] for about in details.value("metrics").values()]
    names = "|".join(sorted(map(re.escape, {*titles, *_METRICS}), key=len, reverse=True))
    words = _REFERENCE.sub("", text.words)
    pattern = re.compile(
        rf"\b(?:{names})\b[^.;]{{0,25}}?{_NUMBER}|{_NUMBER}[^.;,]{{0,10}}\b(?:{names})\b", re.I
    )
    for match in pattern.finditer(words):
        yield f"types {match[0]!r}: a figure next to a metric's name: {_field(match[0], inputs)}"


def _field(words: str, inputs: CardInputs) -> str:
    """The field of section 5 with the figure in the words."""
    for about in inputs.reports["details"].value("metrics").values():
        if about["title"].lower() in words.lower():
            return f"5.figures_holdout.{slug(about['title'])} has it"
    return "section 5 has those that were measured"


def libraries_in_use(text: DeclaredText, inputs: CardInputs) -> Iterator[str]:
    """A library that a text names is in the lock, and imported unless the text says why not."""
    locked, used = inputs.lock.value("packages"), libraries.used_by(inputs.manifests)
    for name, package in _names(inputs).items():
        for match in re.finditer(
            rf"(?<![\w-]){re.escape(name)}(?![\w-])(?: v?(\d+(?:\.\d+)+))?", text.words, re.I
        ):
            if match[1] and match[1] != locked.get(package):
                shown = locked.get(package, "nothing")
                yield f"types {match[0]!r}: requirements.lock says {shown} (4.3)"
            if _is_policy(text) and package not in locked:
                yield f"names {match[0]!r}, which is not in requirements.lock (4.3)"
            if not _is_policy(text) and package not in used and not _denied(text.words, match):
                yield f"names {match[0]!r}, which no stage imports (4.3.checklist)"


def _names(inputs: CardInputs) -> Mapping[str, str]:
    """Names of libraries to their packages: the checklist's and those that the project declares."""
    project = inputs.project.value("project", "dependencies")
    declared = {name: canonical(name) for name in map(libraries.name_of, project)}
    return declared | {name: package for name, (package, _) in libraries.CHECKLIST.items()}


def _is_policy(text: DeclaredText) -> bool:
    return text.file.endswith(".py")


def _denied(words: str, match: re.Match[str]) -> bool:
    return bool(_NEGATION.search(words[: match.start()]))


RULES: tuple[Rule, ...] = (
    quantities,
    voxel_size,
    properties,
    inference,
    evaluation,
    metrics,
    libraries_in_use,
)
