"""The real purchase log that ships with likewise."""

from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import as_file, files

from likewise.data.log import Log, read_log

NOT_SOLD: Mapping[str, str] = {
    "cancelled invoice": "invoice LIKE 'C%'",
    # products have codes of five digits, some with letters after them, or begin with DCGS;
    # the others (POST, M, BANK CHARGES, ...) and 23444 are carriage, fees, vouchers, corrections
    "no product": "NOT regexp_matches(item, '^([0-9]{5}|DCGS)') OR item = '23444'",
    "stock adjustment": "quantity <= 0 OR unit_price <= 0",
}
"""Why lines of the Online Retail log are no purchases -> the SQL that tells."""


def load_sample() -> Log:
    r"""Load the Online Retail log: a UK gift shop's invoices from December 2010 to December 2011.

    All 541,909 lines are read. Cancelled invoices, codes that are no products, and stock
    adjustments are left out; lines without a customer are kept as baskets by invoice.

    References
    ----------
    Daqing Chen, "Online Retail", UCI Machine Learning Repository, 2015, doi:10.24432/C5BW33,
    CC BY 4.0.

    Examples
    --------
    >>> log = load_sample()
    >>> print(*log.report.lines()[1:4], sep="\n")
    dropped 9,288 rows: cancelled invoice
    dropped 2,446 rows: no product
    dropped 2,496 rows: stock adjustment
    """
    with as_file(files("likewise.data") / "sample") as folder:
        log = read_log(
            folder / "online-retail.parquet",
            titles=folder / "online-retail-items.parquet",
            drop=NOT_SOLD,
        )
    return replace(log, report=replace(log.report, source="the Online Retail sample"))
