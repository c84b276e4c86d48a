"""What has to hold of a run, whoever was killed in it."""

MAX_REPEATED = 0.02
MAX_OFFERED = 2.0
"""Load in the first second after an outage, over the usual."""
_BOUNDED = ("executor", "proxy", "speculation", "two proxies")
"""Victims that cost no analysis. Of the others, some lose answers that nobody has kept."""


def faults(outcome, clean, *kinds: str) -> list[str]:
    """Return what is wrong with a run, compared with the clean one."""
    summary, work = outcome.summary, outcome.summary["work"]
    found = []
    ids = outcome.rows["review_id"].to_pylist()
    if len(ids) != len(set(ids)):
        found.append(f"{len(ids) - len(set(ids))} rows stand twice")
    if missing := set(clean.rows["review_id"].to_pylist()) - set(ids):
        found.append(f"{len(missing)} rows are missing")
    if not outcome.rows.equals(clean.rows):
        found.append("rows differ")
    if summary["rows"] != summary["out"] + summary["dead"] or summary["out"] != outcome.rows.num_rows:
        found.append(f"counts don't add up: {summary['rows']} in, {summary['out']} out, {summary['dead']} dead")
    # Every proxy has a ledger that outlives its process: whoever was killed, what callers got has been counted.
    if work["proxies"] != 1:
        found.append(f"{work['proxies']} ledgers answered, and there is one")
    if work["analysed_bytes"] < work["answered_bytes"]:
        found.append(
            f"the ledger has {work['analysed_bytes']} bytes analysed, and {work['answered_bytes']} were answered"
        )
    if outcome.ledger["answered_bytes"] < work["answered_bytes"]:
        found.append(
            f"the ledger has {outcome.ledger['answered_bytes']} bytes answered, and {work['answered_bytes']} were"
        )
    if kinds and set(kinds) <= set(_BOUNDED) and outcome.repeated > MAX_REPEATED:
        found.append(f"{outcome.repeated:.2%} were analysed more than once")
    if any(load > MAX_OFFERED for load in outcome.loads):
        found.append("callers came back all at once")
    return found
