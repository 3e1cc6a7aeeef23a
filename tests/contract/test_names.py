"""Names: one idea a name. No two classes share one, and no private word is an identifier."""

import ast
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRIVATE_WORDS = {"told", "own", "place", "beside", "known", "asked", "kept"}
TREES = {
    path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
    for folder in ("src", "tests")
    for path in sorted((ROOT / folder).rglob("*.py"))
}


def identifiers(node):
    """Names that a node of the syntax tree defines or uses as an attribute or keyword."""
    match node:
        case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
            return [node.name]
        case ast.arg() | ast.keyword():
            return [node.arg or ""]
        case ast.Name(ctx=ast.Store()):
            return [node.id]
        case ast.Attribute():
            return [node.attr]
        case ast.alias():
            return [node.asname or node.name.split(".")[-1]]
    return []


def test_no_two_classes_of_the_source_share_a_name():
    names = Counter(
        node.name
        for file, tree in TREES.items()
        if file.startswith("src/")
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    )
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize("file", TREES)
def test_no_identifier_is_a_private_word(file):
    found = {
        f"{name}, line {node.lineno}"
        for node in ast.walk(TREES[file])
        for name in identifiers(node)
        if name.strip("_").lower() in PRIVATE_WORDS
    }
    assert found == set()


def test_no_field_of_a_section_has_a_docstring():
    """The comment in params.yaml is the one text of a parameter."""
    found = [
        f"{file}: {cls.name}.{field.target.id}"
        for file, tree in TREES.items()
        for cls in ast.walk(tree)
        if isinstance(cls, ast.ClassDef) and any(ast.unparse(b) == "Section" for b in cls.bases)
        for field, after in pairwise(cls.body)
        if isinstance(field, ast.AnnAssign) and isinstance(after, ast.Expr)
    ]
    assert found == []
