"""Whether an entry is whole: every chain is what its id says, every null what it was measured to be."""

from collections.abc import Iterator
from pathlib import Path
from statistics import median

from fortifai.records.entry import Entry
from fortifai.records.entry_file import read_entry
from fortifai.records.numbers import ChainNumbers, RunNumbers, records_of
from fortifai.records.reading import Recorded
from fortifai.records.verification import Finding, ReadChain, Verification, chain_findings


def verify_entry(entry: Entry | Path) -> Verification:
    """Verify an entry, or the file of one. Its ``digest`` is that of the run that it was made from.

    Raises:
        UserError: It is not an entry.
    """
    numbers = (read_entry(entry) if isinstance(entry, Path) else entry).numbers
    findings = [Finding("missing", "the run", text) for text in numbers.missing]
    nulls = numbers.null_records()
    for regime, null in nulls.items():
        if null.values and median(null.values) != null.value:
            findings.append(Finding("damaged", f"null {regime}", f"its value {null.value} is not the median of its values"))
    chains = []
    for chain in numbers.chains:
        record = numbers.record(chain)
        findings += chain_findings(chain.id, record, numbers.suite.identity, nulls)
        findings += _state_findings(chain)
        if chain.head is None:
            findings.append(Finding("unverified", chain.id, "of schema version 1, which carries no hashes"))
        chains.append(ReadChain(Path(chain.id), record, Recorded(records_of(chain))))
    findings += _twice(numbers)
    return Verification(tuple(findings), tuple(chains))


def _state_findings(chain: ChainNumbers) -> Iterator[Finding]:
    """Yield where a chain's state is not what its records say."""
    recorded = len(chain.generations)
    is_done = recorded > chain.horizon
    says_done = chain.state == "done"
    if (says_done and not is_done) or (chain.state in ("partial", "pending") and is_done):
        text = f"is {chain.state}, with {recorded} generations recorded and a horizon of {chain.horizon}"
        yield Finding("damaged", chain.id, text)
    if (chain.state == "pending" and recorded) or (chain.state in ("partial", "diverged") and not recorded):
        yield Finding("damaged", chain.id, f"is {chain.state}, with {recorded} generations recorded")


def _twice(numbers: RunNumbers) -> Iterator[Finding]:
    ids = [chain.id for chain in numbers.chains]
    if ids != sorted(set(ids)):
        yield Finding("damaged", "chains", "are not ordered by id, each once")
    regimes = [null.regime for null in numbers.nulls]
    if regimes != sorted(set(regimes)):
        yield Finding("damaged", "nulls", "are not ordered by regime, each once")
