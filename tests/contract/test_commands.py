"""The command line explains itself."""

import pytest
import typer

from syda.cli import app


def walk(command, name):
    yield name, command
    for child, below in sorted(getattr(command, "commands", {}).items()):
        yield from walk(below, f"{name} {child}")


TREE = dict(walk(typer.main.get_command(app), "syda"))


@pytest.mark.parametrize("name", TREE)
def test_every_command_and_parameter_has_a_help_text(name):
    command = TREE[name]
    assert command.help
    assert command.help.endswith(".")
    for parameter in command.params:
        assert parameter.help or (parameter.metavar or "").lower() in command.help
