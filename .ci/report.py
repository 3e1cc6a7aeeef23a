#!/usr/bin/env python3
"""What a pull request changes, in Markdown: `dvc metrics diff`, and the status of the card.

    .ci/report.py BASE > report.md

Compares the working tree with another revision (a branch, tag or commit); both need no data, since
metrics and card are in git.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

METRICS = "reports/metrics.json"
CARD = "model_card/card.json"


def run(*command: str) -> str:
    """Return what a command printed; raise CalledProcessError with what it said where it fails."""
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def exists(base: str, path: str) -> bool:
    """Whether a file is in a revision."""
    return bool(run("git", "ls-tree", "--name-only", base, "--", path))


def metrics(base: str) -> str:
    """Table of the metrics that differ from the base's."""
    if not exists(base, METRICS):
        return f"`{base}` has no `{METRICS}` to compare with."
    table = run(sys.executable, "-m", "dvc", "metrics", "diff", "--md", base).strip()
    return table if table.count("\n") > 1 else "No metric differs."  # header and rule alone


def statuses(card: dict[str, Any]) -> dict[str, str]:
    """Status of each section in words, by its number."""
    return {number: words(status) for number, status in card["status"].items()}


def words(status: dict[str, Any]) -> str:
    """One section's status: its state, how many values are absent, and who owes them."""
    missing = len(status["missing"])
    if not missing:
        return str(status["state"])
    owners = ", ".join(status["owners"])
    return f"{status['state']}, {missing} of {missing + status['present']} absent: {owners}"


def card_status(base: str) -> str:
    """Table of the card's sections and their status, with the base's where it is another."""
    card = json.loads(Path(CARD).read_text(encoding="utf-8"))
    old = run("git", "show", f"{base}:{CARD}") if exists(base, CARD) else None
    before = statuses(json.loads(old)) if old else {}
    lines = [f"| section | status | in `{base}` |", "| --- | --- | --- |"]
    for number, now in sorted(statuses(card).items(), key=lambda item: int(item[0])):
        then = before.get(number, "no such section" if before else "no card")
        title = card["sections"][number]["title"]
        lines.append(f"| {number} {title} | {now} | {'the same' if then == now else then} |")
    return "\n".join(lines)


def report(base: str) -> str:
    """Return the whole page."""
    return "\n\n".join(
        [
            f"### Metrics against `{base}`",
            metrics(base),
            "### Status of the model card",
            card_status(base),
        ]
    )


def main() -> int:
    """Print the report and return the exit code: 0, or 2 where the revisions cannot be compared."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("base", help="branch, tag or commit to compare with, such as origin/main")
    base = parser.parse_args().base
    try:
        print(report(base))
    except subprocess.CalledProcessError as error:
        said = error.stderr.strip().splitlines()[-1:] or ["nothing"]
        print(f"report: {' '.join(error.cmd)} failed: {said[0]}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
