"""Run the benchmarks: ``python -m benchmarks [--size small] [--only NAME ...] [--write]``."""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING

from benchmarks import (
    import_cost,
    learned_schedule,
    many_waits,
    poll_cpu,
    queue_order,
    rate_limit,
    report,
    requests_per_job,
    worker_slot,
)
from benchmarks.figures import markdown

if TYPE_CHECKING:
    from collections.abc import Sequence

BENCHMARKS = {
    module.NAME: module
    for module in (
        poll_cpu,
        many_waits,
        requests_per_job,
        learned_schedule,
        queue_order,
        rate_limit,
        import_cost,
        worker_slot,
    )
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmarks.

    :param argv: the arguments, those of the process by default.
    :return: the exit code. It is 0 even if a bound does not hold, as that is a result.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure what a wait costs.")
    parser.add_argument("--size", choices=("full", "small"), default="full", help="small: only a check that it works")
    parser.add_argument("--only", nargs="+", choices=sorted(BENCHMARKS), default=list(BENCHMARKS), metavar="NAME")
    parser.add_argument("--write", action="store_true", help="write the tables to benchmarks/README.md")
    options = parser.parse_args(argv)
    if options.write and options.size != "full":
        parser.error("--write needs --size full")
    for name in options.only:
        print(f"{name}: {report.load()}", file=sys.stderr, flush=True)
        around, began = report.Surroundings(), time.perf_counter()
        section = BENCHMARKS[name].run(options.size)
        shown = markdown(section)
        print(f"{shown}\n({time.perf_counter() - began:.0f} s)\n", flush=True)
        if options.write:
            report.write(section.name, shown, around.end())
    return 0


if __name__ == "__main__":
    sys.exit(main())
