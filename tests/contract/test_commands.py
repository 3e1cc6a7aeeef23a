"""The command line as users know it: a change here is a change for them."""

import pytest
import typer

from syda.cli import app

COMMANDS = {
    "syda": ["--debug"],
    "syda card": [],
    "syda card diff": ["BEFORE", "[AFTER]"],
    "syda card explain": ["FIELD"],
    "syda card release": [],
    "syda card sections": [],
    "syda card verify": [],
    "syda convert": [],
    "syda doctor": ["--repair"],
    "syda evaluate": [],
    "syda gallery": [],
    "syda generate": [
        "--format",
        "--number",
        "--out",
        "--params",
        "--property",
        "--seed",
        "--seeds",
        "--truncation",
        "--weights",
    ],
    "syda key": [],
    "syda key new": [],
    "syda pack": [],
    "syda phantom": ["VERSION"],
    "syda resample": [],
    "syda shadow": [
        "--allow-copy",
        "--out",
        "--seed",
        "--series",
        "--strength",
        "--weights",
        "SCAN",
    ],
    "syda train": [],
    "syda tune": [],
    "syda validate": ["--output", "SET|FOLDER"],
    "syda verify": ["--allow-missing"],
}
"""Every command with its arguments and options, --help apart, which each has."""


def spelled(parameter):
    if parameter.param_type_name == "argument":
        return parameter.metavar or parameter.name.upper()
    return "/".join([*parameter.opts, *parameter.secondary_opts])


def walk(command, name):
    yield name, command
    for child, below in sorted(getattr(command, "commands", {}).items()):
        yield from walk(below, f"{name} {child}")


TREE = dict(walk(typer.main.get_command(app), "syda"))


def test_commands_arguments_and_options_are_these():
    assert {name: sorted(map(spelled, one.params)) for name, one in TREE.items()} == COMMANDS


@pytest.mark.parametrize("name", TREE)
def test_every_command_and_parameter_says_what_it_is(name):
    command = TREE[name]
    assert command.help
    assert command.help.endswith(".")
    for parameter in command.params:
        assert parameter.help or spelled(parameter).lower() in command.help
