"""What a set of volumes must hold, and the check that it does: tables, suites, runner, report."""
