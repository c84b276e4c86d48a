"""The ledger: what was done for each tenant, key, job and day, over restarts and for all proxies of a fleet.

    request ends ──> Ledger.answered, … ──> Journal: one line in a file, before the answer's last byte leaves
                                              │ every carry_period_s, as one numbered batch
                                              ▼
                     Book: SharedBook (Redis), or LocalBook (SQLite in `ledger.directory`, or in memory without one)

A batch is known by its journal's id and its number, so that one that is carried twice counts once. The journal of a
process that died is carried by another one on the host. Files: `counters` names what is counted, `journal` and
`journals` are the files, `carrier` brings them to the book, `queries` reads what callers ask.

**For budgets.** `Ledger.bytes_of(tenant, period)` returns the analysed bytes of a day ("2026-11-27") or a month
("2026-11"), whatever the book. In the shared store they are one hash per tenant, kept by the script that carries
batches, for other scripts to read:

    PREFIX:ledger:bytes:TENANT     hash: "2026-11-27" -> bytes of that day, "2026-11" -> bytes of that month

The bytes are `analysed_bytes`: bodies that backends analysed; replays cost nothing, as for quotas. Days and months are
UTC by the store's clock. Fields older than `retention_days` are removed, a month with its last day. The hash is behind
by what is still in journals: `carry_period_s` (0.1 s) per proxy while the store answers; this proxy's own part of that
is `Ledger.pending_bytes(tenant)`.

**In the shared store**, all under PREFIX:ledger, see `shared_scripts`:

    …                              hash: id of the ledger, and when it began (a flushed store gets another id)
    …:index                        sorted set: "DAY TENANT KEY" by the day as a number
    …:rows:DAY:TENANT:KEY          hash: job -> counters, in the order of `COUNTERS`, with commas; "=" is their sum
    …:bytes:TENANT                 see above
    …:journals, …:seen, …:open     the last batch of each journal; when it came; who is expected to bring more
"""
