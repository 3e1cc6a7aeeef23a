"""README, CONTRIBUTING, CHANGELOG and docs/: links resolve, commands exist and are tested."""

import re
import shlex
from itertools import pairwise
from pathlib import Path

import pytest
import typer
from dvc.cli.parser import get_main_parser

from syda import params
from syda.cli import app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "CHANGELOG")]
PAGES += sorted((ROOT / "docs").glob("*.md"))
LANGUAGES = {"": "shell", "sh": "shell", "bash": "shell"}

RUN_BY = {
    "dvc commit": "tests/pipeline/test_verify.py",
    "dvc exp run -S": "tests/pipeline/test_repro.py",
    "dvc metrics diff": "tests/pipeline/test_repro.py",
    "dvc params diff": "tests/pipeline/test_repro.py",
    "dvc plots diff": "tests/pipeline/test_repro.py",
    "dvc pull": "tests/pipeline/test_repro.py",
    "dvc push": "tests/pipeline/test_repro.py",
    "dvc remote add": "tests/pipeline/test_repro.py",
    "dvc remote modify": "tests/pipeline/test_cloud_remotes.py",
    "dvc repro": "tests/pipeline/test_repro.py",
    "dvc add": "tests/integrity/test_verify.py",
    "make check": ".ci/run",
    "make test": ".ci/run",
    "python -m monai.bundle run": "tests/export/test_bundle.py",
    "make setup": ".ci/run",
    "printf": "tests/open_data/test_data_version.py",
    "syda card": "tests/card/test_explain.py",
    "syda doctor": "tests/pipeline/test_verify.py",
    "syda verify": "tests/pipeline/test_verify.py",
    "syda who": "tests/stages/test_convert_cohort.py",
}
"""Beginning of a command: the test, or the script of CI, that runs it."""

CALLED_IN_PROCESS = {
    "syda fetch": "tests/open_data",
    "syda generate": "tests/sampling",
    "syda key new": "tests/dicom",
    "syda reader-study": "tests/reading",
    "syda shadow": "tests/shadow",
    "syda tune": "tests/tuning",
    "syda validate": "tests/test_cli.py",
}
"""Beginning of a command: the tests that call what it calls."""

NOT_RUN = {
    "dvc artifacts get": "needs a repository with a tag and a remote",
    "cd": "changes the folder",
    "cp": "copies scans of the reader",
    "dvc exp run --queue": "trains several models, an hour each",
    "dvc exp run --run-all": "trains several models, an hour each",
    "dvc exp show": "lists experiments that no test trains",
    "export": "sets an address for the command after it",
    "git": "git is not tested here",
    "make hooks": "changes the git configuration of the checkout",
    "make release": "needs a signed card; tests/card/test_release.py calls the command",
    "make run": "takes an hour; tests/pipeline/test_repro.py runs `dvc repro` on less",
    "pip": "installs packages; `make setup` does the same",
    "source": "activates a virtual environment in the reader's shell",
    "srun": "needs a SLURM cluster; tests/stages/test_train.py starts one where it can",
    "torchrun": "needs several machines; tests/stages/test_train.py starts several processes",
}
"""Beginning of a command that no test runs: the reason."""


def prose(page):
    """Text of a page without its fenced blocks and inline code."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    return re.sub(r"`[^`\n]+`", "code", text)


def anchors(page):
    """Ids that a code host gives to the headings of a page, and those of HTML anchors."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    titles = re.findall(r"^#+ (.+)$", text, flags=re.M)
    slugs = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
    return slugs | set(re.findall(r'<a (?:id|name)="([^"]+)"', text))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links_resolve(page):
    for target in re.findall(r"\]\(<?([^)\s>]+)>?(?: \"[^\"]*\")?\)", prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        if anchor and file.suffix == ".md":
            assert anchor in anchors(file), target


def blocks(page):
    """Language and text of each fenced block."""
    found = re.findall(r"^```(\w*)\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)
    return [(LANGUAGES.get(language, language), text) for language, text in found]


def commands(text):
    """Commands of a shell block as words, without variables that stand before them."""
    for line in text.replace("\\\n", " ").splitlines():
        for part in re.split(r" && | \| ", line.strip()):
            words = shlex.split(part, comments=True)
            while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                words.pop(0)
            if words:
                yield words


DIAGRAM = re.compile("[─│┘]")
COMMANDS = [
    (page.name, words)
    for page in PAGES
    for language, text in blocks(page)
    if language == "shell" and not DIAGRAM.search(text)
    for words in commands(text)
]


def test_python_blocks_stand_in_the_page_that_a_test_runs():
    pages = {page.name for page in PAGES for language, _ in blocks(page) if language == "python"}
    assert pages <= {"api.md", "use-the-model.md"}  # tests/test_api.py, tests/export


@pytest.mark.parametrize(("page", "words"), COMMANDS, ids=lambda value: " ".join(value)[:60])
def test_a_command_is_run_by_a_test_or_listed_with_a_reason(page, words):
    lists = {**RUN_BY, **CALLED_IN_PROCESS, **NOT_RUN}
    starts = [start for start in lists if f"{' '.join(words)} ".startswith(f"{start} ")]
    assert starts, f"{page}: {' '.join(words)}: in no list of this test"


def test_the_lists_name_no_command_that_no_page_has():
    texts = [f"{' '.join(words)} " for _, words in COMMANDS]
    lists = {**RUN_BY, **CALLED_IN_PROCESS, **NOT_RUN}
    assert not [s for s in lists if not any(text.startswith(f"{s} ") for text in texts)]


@pytest.mark.parametrize(("start", "test"), RUN_BY.items())
def test_the_test_that_runs_a_command_has_its_words(start, test):
    text = (ROOT / test).read_text(encoding="utf-8")
    assert all(word in text for word in start.split())


@pytest.mark.parametrize("test", CALLED_IN_PROCESS.values())
def test_the_tests_that_call_a_command_exist(test):
    assert (ROOT / test).exists()


def has_key(name):
    """Whether params.yaml has a key, or, for ``+name``, what it is added to."""
    keys = params.load(ROOT).source.lines
    path = tuple(name.removeprefix("+").split("."))
    return (path[:-1] if name.startswith("+") else path) in keys


def check_syda(words):
    command = typer.main.get_command(app)
    while words and words[0] in getattr(command, "commands", {}):
        command, words = command.commands[words[0]], words[1:]
    command.make_context("syda", list(words))


def check_dvc(words):
    if "..." in words:
        words = words[: words.index("...") - 1]
    get_main_parser().parse_args(words)
    for flag, value in pairwise(words):
        if flag == "-S":
            assert has_key(value.partition("=")[0]), value


def check_make(words):
    targets = set(re.findall("^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.M))
    assert {word for word in words if "=" not in word} <= targets


CHECKS = {"syda": check_syda, "dvc": check_dvc, "make": check_make}


@pytest.mark.parametrize(
    ("page", "words"),
    [(page, words) for page, words in COMMANDS if words[0] in CHECKS],
    ids=lambda value: " ".join(value)[:60],
)
def test_a_command_its_options_and_its_keys_exist(page, words):
    CHECKS[words[0]](words[1:])
