"""Departures from the original checklist, computed from the built network and the run."""

from collections.abc import Iterator, Mapping

from syda.card.configuration import Network
from syda.card.facts import CardSection, Fact, Row
from syda.card.inputs import CardInputs


def rows(inputs: CardInputs, network: Network, by: Mapping[str, CardSection]) -> list[Row]:
    """Return a row for each difference: what it is about, the checklist's value and this run's.

    Args:
        inputs: of the card.
        network: as built.
        by: sections of the card by their number.
    """
    return [
        {"what": what, "checklist": theirs, "this run": ours}
        for what, theirs, ours in _compared(inputs, network, by)
        if theirs.value != ours.value
    ]


def _compared(
    inputs: CardInputs, network: Network, by: Mapping[str, CardSection]
) -> Iterator[tuple[str, Fact, Fact]]:
    """What the checklist states, and the same of this run."""
    facts, train = by["4.1"].facts, inputs.manifests["train"]

    def original(key: str, unit: str = "") -> Fact:
        fact = inputs.declared.fact(f"historical/network/{key}", "checklist")
        return Fact("checklist", fact.value, "declared", fact.sources, unit, exact=True)

    yield "voxels along each side", original("side"), facts["size"]
    yield "voxel size", original("spacing_mm", "mm"), facts["effective_spacing_median"]
    yield "numbers in z and w", original("latent"), facts["latent"]
    yield "mapping layers", original("mapping_layers"), facts["mapping_layers"]
    first = train.fact("feature maps", "params", "model", "channels", 0)
    yield "feature maps of the constant", original("base_features"), first
    yield "blocks that double the side", original("blocks"), facts["blocks"]
    yield "discriminator", original("discriminator"), facts["discriminator"]
    yield "losses", original("loss"), facts["losses"]
    yield "regularisation", original("regularisation"), _regularisation(facts)
    nothing = Fact("checklist", "not stated", "derived", original("loss").sources)
    yield "optimiser", nothing, facts["optimiser"]
    curve = "equalised values" if network.intensity_curve else "HU"
    sources = (train.pointer("params", "model"),)
    yield "values that the generator draws", nothing, Fact("values", curve, "derived", sources)
    start = {"mean": "the mean training scan, held in the weights", "none": "nothing"}
    words = start[str(facts["start"].value)]
    yield "start of the image", nothing, Fact("start", words, "derived", facts["start"].sources)
    listed = by["4.3"].facts["listed"], by["4.3"].facts["listed_in_use"]
    yield "libraries of the list", *listed


def _regularisation(facts: Mapping[str, Fact]) -> Fact:
    """The penalties in use, in words."""
    r1, path = facts["r1_weight"], facts["path_weight"]
    words = [
        "R1 of real images" if r1.value else "no R1",
        "path length" if path.value else "no path length",
    ]
    return Fact("regularisation", ", ".join(words), "derived", (*r1.sources, *path.sources))
