#!/usr/bin/python3
"""Measures image-proxy as a whole beside what one would use instead, in one run on one machine.

    run.py [--quick] [--only SECTION,...] [--name NAME]
    run.py --tell FILE.json

Writes results/NAME.json, NAME.md and NAME.svg; the name is `latest`, `quick` for a quick run. --tell writes the last
two anew from figures that are there. Exit status: 0 measured, 1 a peer did not do what it is measured for.
"""

import argparse
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from bench import BENCHMARKS, cgi, chart, hits, machine, memory, misses, records, report, stampede  # noqa: E402
from bench.plan import FULL, QUICK  # noqa: E402
from bench.stage import Stage  # noqa: E402

SECTIONS = {"hits": hits, "misses": misses, "memory": memory, "stampede": stampede, "cgi": cgi, "records": records}


def main():
    options = parse()
    results = BENCHMARKS / "results"
    results.mkdir(exist_ok=True)
    if options.tell:
        figures, path = json.loads(options.tell.read_text()), options.tell.with_suffix("")
    else:
        plan = QUICK if options.quick else FULL
        path = results / (options.name or ("quick" if options.quick else "latest"))
        figures = measure(plan, options.only)
        path.with_suffix(".json").write_text(json.dumps(figures, indent=1) + "\n")
    path.with_suffix(".svg").write_text(chart.draw(figures))
    text = report.tell(figures, path.with_suffix(".svg").name)
    path.with_suffix(".md").write_text(text)
    print(text)
    print(f"written: {path.with_suffix('.md')}, .svg and .json", file=sys.stderr)
    return 1 if report.failures(figures) else 0


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer sizes and rounds, in two minutes")
    parser.add_argument("--only", type=lambda text: text.split(","), default=list(SECTIONS), metavar="SECTION,...",
                        help=f"of {', '.join(SECTIONS)}")
    parser.add_argument("--name", help="of the files in results/")
    parser.add_argument("--tell", type=Path, metavar="FILE.json")
    options = parser.parse_args()
    if unknown := set(options.only) - set(SECTIONS):
        parser.error(f"no such section: {', '.join(unknown)}")
    return options


def measure(plan, sections):
    figures = {"machine": machine.describe(), "plan": plan.name,
               "command": " ".join(["Benchmarks/run.py", *sys.argv[1:]]),
               "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())}
    start = time.monotonic()

    def tell(text):
        print(f"[{time.monotonic() - start:5.0f} s] {text}", file=sys.stderr, flush=True)

    with Stage() as stage:
        for section in sections:
            figures[section] = SECTIONS[section].measure(stage, plan, tell)
    figures["seconds"] = round(time.monotonic() - start)
    return figures


if __name__ == "__main__":
    sys.exit(main())
