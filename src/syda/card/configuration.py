"""Section 4, project configuration: the built network, preprocessing, and parameters."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from syda import paths
from syda.card import libraries
from syda.card.declared import Declarations
from syda.card.documents import Document
from syda.card.facts import DEVELOPERS, TITLES, CardSection, Fact, Row, absent
from syda.card.inputs import CardInputs
from syda.runtime.nested import leaves


@dataclass(frozen=True)
class Layer:
    """A layer of the generator as built.

    Attributes:
        name: dotted.
        kind: class.
        output: shape without the batch axis.
        parameters: trained numbers.
    """

    name: str
    kind: str
    output: tuple[int, ...]
    parameters: int


@dataclass(frozen=True)
class Network:
    """Generator and discriminator as built.

    Attributes:
        layers: of the generator, in order.
        parameters: trained numbers of the generator.
        discriminator: what it is made of, in words.
        discriminator_parameters: trained numbers of the discriminator.
        intensity_curve: whether the generator draws equalised values.
    """

    layers: Sequence[Layer]
    parameters: int
    discriminator: str
    discriminator_parameters: int
    intensity_curve: bool


def sections(inputs: CardInputs, network: Network) -> list[CardSection]:
    """Return sections 4 to 4.4."""
    reports, manifests = inputs.reports, inputs.manifests
    return [
        CardSection("4", TITLES["4"]),
        _algorithm(reports, manifests["train"], inputs.declared, network),
        _preprocessing(reports, manifests, inputs.declared),
        libraries.section(inputs),
        _hyperparameters(inputs),
    ]


def _algorithm(
    reports: Mapping[str, Document], train: Document, declared: Declarations, network: Network
) -> CardSection:
    """The network as it is built from the parameters that the training was given."""
    pack, schema, synthetic = (reports[name] for name in ("pack", "properties", "synthetic"))
    model, ct = train.value("params", "model"), train.value("params", "ct")
    built = (train.pointer("params", "model"), schema.pointer("columns"))
    facts = {
        "latent": train.fact("Numbers in z and in w", "params", "model", "latent"),
        "mapping_layers": train.fact("Layers from z to w", "params", "model", "mapping_layers"),
        "channels": train.fact(
            "Feature maps at 4, 8, 16, ... voxels", "params", "model", "channels"
        ),
        "discriminator_channels": train.fact(
            "Feature maps of the discriminator, same order",
            "params", "model", "discriminator_channels",
        ),
        "blocks": Fact(
            "Blocks, each doubling the side", len(model["channels"]) - 1, "derived",
            (train.pointer("params", "model", "channels"),),
            note="feature map entries after the first",
        ),
        "weights": Fact(
            "Trained numbers in the generator", network.parameters, "derived", built,
            note="counted in the network built from these parameters",
        ),
        "discriminator": Fact("Discriminator", network.discriminator, "derived", built),
        "discriminator_weights": Fact(
            "Trained numbers in the discriminator", network.discriminator_parameters, "derived",
            built, note="counted in the network built from these parameters",
        ),
        "size": train.fact("Voxels along each side of the output", "params", "ct", "size"),
        "window_min": train.fact("HU at -1", "params", "ct", "window_min", unit="HU"),
        "window_max": train.fact("HU at +1", "params", "ct", "window_max", unit="HU"),
        "loss": train.fact("Form of the loss", "params", "train", "loss"),
        "r1_weight": train.fact(
            "Weight of the R1 penalty, x voxels / batch", "params", "train", "r1_weight"
        ),
        "path_weight": train.fact(
            "Weight of path-length regularisation", "params", "train", "path_weight"
        ),
        "losses": losses(train),
        "optimiser": optimiser(train),
        "start": train.fact("Start of the generator", "params", "model", "start"),
        "images": Fact(
            "Images shown in training",
            sum(stage["images"] for stage in train.value("params", "train", "stages")), "derived",
            (train.pointer("params", "train", "stages"),), note="sum over the stages",
        ),
        "images_alone": Fact(
            "Of these without the discriminator",
            sum(
                stage["images"] for stage in train.value("params", "train", "stages")
                if not stage.get("adversarial", True)
            ),
            "derived", (train.pointer("params", "train", "stages"),),
            note="sum over the stages that are not adversarial",
        ),
        "nominal_spacing": train.fact(
            "Voxel size before the fit", "params", "ct", "spacing_mm", unit="mm"
        ),
        **_effective_spacing(pack, train, ct),
        **_spacing_of_volumes(synthetic),
        "original_output": declared.fact("historical/output", "Output of the original"),
    }  # fmt: skip
    rows: list[Row] = [
        {
            "layer": layer.name,
            "kind": layer.kind,
            "output shape": Fact("output shape", list(layer.output), "derived", built),
            "trained numbers": Fact("trained numbers", layer.parameters, "derived", built),
        }
        for layer in network.layers
    ]
    return CardSection(
        "4.1", TITLES["4.1"], facts, {"layers": rows, "properties": _properties(schema)}
    )


OPTIMISERS = {"syda/training/muon.py": "Muon for the filters, Adam for the rest"}
"""Module of an optimiser to its name."""


def optimiser(train: Document) -> Fact:
    """The optimiser whose module the training ran."""
    label = "Optimiser"
    for module, name in OPTIMISERS.items():
        if module in train.value("code", "files"):
            return Fact(label, name, "derived", (train.pointer("code", "files", module),))
    return absent(label, DEVELOPERS, "the training ran no optimiser that the card knows")


def losses(train: Document) -> Fact:
    """The losses in use, with their weights."""
    params = train.value("params", "train")
    found = [f"adversarial loss ({params['loss']})"]
    found += [f"R1 ({params['r1_weight']:g} x voxels / batch)"] if params["r1_weight"] else []
    found += [f"path length ({params['path_weight']:g})"] if params["path_weight"] else []
    rebuilt = params["reconstruction"]
    if rebuilt["weight"]:
        found.append(
            f"reconstruction of training volumes from a posterior ({rebuilt['weight']:g}, "
            f"KL divergence {rebuilt['kl_weight']:g})"
        )
    source = (train.pointer("params", "train"),)
    return Fact("Losses in use", ", ".join(found), "derived", source)


def _properties(schema: Document) -> list[Row]:
    """The properties of the generator, with the range of the training cases."""
    numbers: list[Row] = [
        {
            "property": number["name"],
            "from": schema.fact("middle nine tenths, low", "numbers", i, "low"),
            "to": schema.fact("middle nine tenths, high", "numbers", i, "high"),
            "share of training cases that have it": schema.fact(
                "share of the cases", "numbers", i, "observed_fraction"
            ),
        }
        for i, number in enumerate(schema.value("numbers"))
    ]
    terms: list[Row] = [
        {
            "property": term["name"],
            "from": ", ".join(term["shares"]),
            "to": "one of these",
            "share of training cases that have it": schema.fact(
                "share of the cases", "terms", i, "observed_fraction"
            ),
        }
        for i, term in enumerate(schema.value("terms"))
    ]
    return numbers + terms


def _effective_spacing(pack: Document, train: Document, ct: Mapping[str, float]) -> dict[str, Fact]:
    """1.5 L / N for the smallest, the median and the largest L of the training cases."""
    picks = {"smallest": "min", "median": "median", "largest": "max"}
    return {
        f"effective_spacing_{name}": Fact(
            f"Voxel size after the fit, {name} training case",
            ct["spacing_mm"] * pack.value("longest_sides", "train", pick) / ct["size"],
            "derived",
            (
                pack.pointer("longest_sides", "train", pick),
                train.pointer("params", "ct", "spacing_mm"),
                train.pointer("params", "ct", "size"),
            ),
            "mm",
            note="voxel size before the fit x longest side of the case in voxels / voxels a side",
        )
        for name, pick in picks.items()
    }


def _spacing_of_volumes(synthetic: Document) -> dict[str, Fact]:
    """The voxel size of the smallest, the median and the largest synthetic volume."""
    at = ("parts", 0, "summary", "spacing_i")
    picks = {"smallest": "min", "median": "median", "largest": "max"}
    return {
        f"volume_spacing_{name}": synthetic.fact(
            f"Voxel size of a synthetic volume, {name}", *at, pick, unit="mm"
        )
        for name, pick in picks.items()
    }


def _preprocessing(
    reports: Mapping[str, Document], manifests: Mapping[str, Document], declared: Declarations
) -> CardSection:
    convert, pack = manifests["convert"], manifests["pack"]
    train, generate = manifests["train"], manifests["generate"]
    facts = {
        "hu_min": convert.fact("Lowest stored HU", "params", "ct", "hu_min", unit="HU"),
        "hu_max": convert.fact("Highest stored HU", "params", "ct", "hu_max", unit="HU"),
        "clamped": reports["convert"].fact(
            "Largest share of a case's voxels outside these HU", "clamped_share_max"
        ),
        "spacing": manifests["resample"].fact(
            "Voxel size after resampling", "params", "ct", "spacing_mm", unit="mm"
        ),
        "tolerance": manifests["validate-records"].fact(
            "Deviation from it that the check allows",
            "params", "validate", "spacing_tolerance_mm", unit="mm",
        ),
        "shards": pack.fact("Record files for each split", "params", "pack", "shards"),
        "window_min": train.fact("HU scaled to -1", "params", "ct", "window_min", unit="HU"),
        "window_max": train.fact("HU scaled to +1", "params", "ct", "window_max", unit="HU"),
        "clipped": reports["pack"].fact(
            "Share of training voxels outside that window, which are clipped",
            "clipped_share", "train",
        ),
        "size": train.fact("Voxels along the longest side", "params", "ct", "size"),
        "seed": generate.fact("First seed", "params", "generate", "seed"),
        "count": generate.fact("Volumes generated", "params", "generate", "count"),
        "truncation": generate.fact("Truncation", "params", "generate", "truncation"),
        "export": generate.fact(
            "Volumes exported at physical size", "params", "generate", "export"
        ),
        "shadow": declared.fact(
            "scan_through_model", "A real scan through the model (the original's inference path)"
        ),
    }  # fmt: skip
    return CardSection("4.2", TITLES["4.2"], facts)


def _hyperparameters(inputs: CardInputs) -> CardSection:
    """The recipe of the training, and every parameter of every stage."""
    train = inputs.manifests["train"]
    at = ("params", "train")
    columns = {
        "side": "side, voxels", "images": "images", "batch": "batch",
        "adversarial": "discriminator",
    }  # fmt: skip
    stages: list[Row] = [
        {"stage": str(number + 1)}
        | {
            label: train.fact(label, *at, "stages", number, key)
            for key, label in columns.items()
            if key in stage
        }
        for number, stage in enumerate(train.value(*at, "stages"))
    ]
    facts = {
        name: train.fact(label, *at, *name.split("/"))
        for name, label in (
            ("generator_lr", "Learning rate of the generator"),
            ("discriminator_lr", "Learning rate of the discriminator"),
            ("ema_half_life", "Half-life of the averaged weights, images"),
            ("precision", "Precision asked for"),
            ("seed", "Seed"),
        )
        if name in train.value(*at)
    }
    environment = inputs.reports["environment"]
    facts |= {
        "device": environment.fact("Device of the training", "device"),
        "resolved_precision": environment.fact("Type of the feature maps", "precision"),
        "processes": environment.fact("Processes of the training", "processes"),
    }
    every: list[Row] = [
        *_parameters(inputs.manifests),
        {
            "parameter": "card.significant_digits",
            "value": Fact(
                "value", inputs.significant_digits, "setting",
                (f"{paths.PARAMS}#/card/significant_digits",),
            ),
            "stages": "card",
        },
    ]  # fmt: skip
    tables: dict[str, list[Row]] = {"recipe": stages, "parameters": every}
    return CardSection("4.4", TITLES["4.4"], facts, tables)


def _parameters(manifests: Mapping[str, Document]) -> list[Row]:
    return [
        {"parameter": name, "value": fact, "stages": ", ".join(stages)}
        for name, fact, stages in parameters(manifests)
    ]


def parameters(manifests: Mapping[str, Document]) -> list[tuple[str, Fact, list[str]]]:
    """Every parameter that stages were given: dotted key, value, and the stages that got it.

    A key appears once more for each other value of it: a stage that does not use a parameter keeps
    the value of its last run.
    """
    found: dict[tuple[str, str], tuple[Fact, list[str]]] = {}
    for stage, manifest in manifests.items():
        for keys, _ in leaves(manifest.value("params")):
            name = ".".join(keys)
            fact = manifest.fact("value", "params", *keys)
            _, stages = found.setdefault((name, json.dumps(fact.value)), (fact, []))
            stages.append(stage)
    return [(name, fact, stages) for (name, _), (fact, stages) in sorted(found.items())]
