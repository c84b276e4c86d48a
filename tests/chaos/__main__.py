"""All of it at full length: python -m tests.chaos --input shared/data/nsmc --reviews 100000 --seed 20261123."""

import argparse
import sys
import tempfile
from pathlib import Path

import pyarrow.dataset as ds

from tests.chaos import victims
from tests.chaos.checks import faults
from tests.chaos.fleet import FleetStack
from tests.chaos.harness import Chaos
from tests.chaos.outage import outage
from tests.cluster.hadoop import Hadoop
from tests.cluster.jars import fetch_jars
from tests.cluster.submit import Yarn

SPECULATION = "speculation"
OUTAGE = "proxy down"
FLEET = "two proxies"
"""With a store and a ledger; both are killed, and executors."""
SPECULATING = {
    "spark.speculation": "true",
    "spark.speculation.interval": "100ms",
    "spark.speculation.quantile": "0.1",
    "spark.speculation.multiplier": "1.05",
    "spark.speculation.minTaskRuntime": "100ms",
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--input", type=Path, required=True, help="Parquet with review_id and review")
    parser.add_argument("--reviews", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=20_261_123)
    parser.add_argument("--kills", type=int, default=2, help="of each kind, in its run")
    parser.add_argument(
        "--only", nargs="*", default=[*victims.NAMES, SPECULATION, OUTAGE, FLEET], help="runs besides the clean"
    )
    arguments = parser.parse_args()
    reviews = ds.dataset(arguments.input).head(arguments.reviews, columns=["review_id", "review"])
    bad = 0
    with tempfile.TemporaryDirectory(prefix="chaos-") as name:
        directory = Path(name)
        with Hadoop(directory / "daemons", fetch_jars()) as hadoop:
            chaos = Chaos(Yarn.prepare(hadoop, directory), reviews, arguments.seed, directory / "work")
            clean = chaos.clean()
            show("clean", clean, [])
            for kind in arguments.only:
                if kind == SPECULATION:
                    outcome = chaos.run(conf=SPECULATING)
                elif kind == OUTAGE:
                    outcome = outage(chaos)
                elif kind == FLEET:
                    outcome = chaos.run(*["proxy"] * 2 * arguments.kills, "executor", service=FleetStack)
                else:
                    outcome = chaos.run(*[kind] * arguments.kills)
                found = faults(outcome, clean, kind)
                bad += bool(found)
                show(kind, outcome, found)
    return 1 if bad else 0


def show(kind, outcome, found) -> None:
    work = outcome.summary["work"]
    print(
        f"{kind:14} {outcome.rows.num_rows:,} rows, {outcome.seconds:.0f} s, {outcome.starts} starts, "
        f"answered {work['answered_bytes']:,} B in {work['answered']:,} requests, "
        f"{work['replayed']} of them replayed; counted: answered {outcome.ledger['answered_bytes']:,} B, replayed "
        f"{outcome.ledger['replayed']} requests, analysed {work['analysed_bytes']:,} B, "
        f"repeated {outcome.repeated:.2%}, "
        f"killed {', '.join(f'{name} at {at} s' for at, name, _ in outcome.kills) or 'nobody'}: "
        f"{'; '.join(found) or 'as it should be'} {outcome.note}",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
