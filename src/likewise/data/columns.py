"""Which column of a log plays which role: named by the user, else found by its name.

The table of names below is the only place that knows what columns are called in the world.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from likewise.errors import LogError


def _names(*lines: str) -> tuple[str, ...]:
    return tuple(" ".join(lines).split())


NAMES: Mapping[str, tuple[str, ...]] = {
    "user": _names(
        "userid user customerid customer clientid client memberid member buyerid buyer shopperid",
        "shopper visitorid visitor accountid account personid person reviewerid reviewer readerid",
        "reader profileid uid userno customerno usernumber customernumber username customername",
        "email",
    ),
    "item": _names(
        "itemid item productid sku stockcode productcode itemcode asin product articleid article",
        "movieid movie filmid film bookid book isbn trackid track songid song artistid artist gtin",
        "ean upc placeid place businessid business contentid content goodsid offerid variantid",
        "productsku lineitemsku itemno productno iid",
    ),
    "time": _names(
        "timestamp time datetime date invoicedate orderdate purchasedate transactiondate eventtime",
        "eventdate ordertime purchasetime createdat orderedat purchasedat unixtime unixreviewtime",
        "reviewtime ts",
    ),
    "weight": _names(
        "weight quantity qty count units lineitemquantity rating ratings stars score playcount",
        "plays listens clicks views",
    ),
    "title": _names(
        "title itemtitle producttitle movietitle booktitle itemname productname name lineitemname",
        "description itemdescription productdescription label",
    ),
    "basket": _names(
        "basketid basket invoiceno invoiceid invoicenumber invoice orderid orderno ordernumber",
        "order transactionid transaction receiptid receiptno receipt cartid cart ticketid ticket",
        "sessionid session",
    ),
}
"""Role -> the names its column goes by, normalised, the most telling first."""

RATINGS = frozenset({"rating", "ratings", "stars", "score"})
"""Weights by these names say how much something was liked, not how often it was bought."""


def normalise(name: str) -> str:
    """Return a column's name as the table of names spells it: lower case, letters and digits only.

    Examples
    --------
    >>> normalise("Customer ID")
    'customerid'
    """
    return "".join(letter for letter in name.lower() if letter.isalnum())


def find_columns(
    present: Sequence[str], named: Mapping[str, str | None], roles: Iterable[str] = NAMES
) -> dict[str, str]:
    """Return role -> column for the columns of a log.

    A column that the user named is taken as it is; an empty name takes none. For the other roles
    the first name of the table that is present is taken.

    Parameters
    ----------
    present : sequence of str
        The columns of the log, in its order.
    named : mapping of str to str or None
        Role -> the column that the user named for it.
    roles : iterable of str
        The roles to find columns for.

    Raises
    ------
    LogError
        If a named column is not there.

    Examples
    --------
    >>> find_columns(["InvoiceNo", "StockCode", "CustomerID"], {"basket": ""})
    {'user': 'CustomerID', 'item': 'StockCode'}
    """
    asked = {role: named.get(role) for role in roles}
    taken = {role: column for role, column in asked.items() if column}
    for role, column in taken.items():
        if column not in present:
            raise LogError(f"no column {column!r} for {role}; {_those_of(present)}")
    for role in (role for role, column in asked.items() if column is None):
        found = _found(role, [name for name in present if name not in taken.values()])
        if found is not None:
            taken[role] = found
    return {role: taken[role] for role in asked if role in taken}


def require_columns(taken: Mapping[str, str], present: Sequence[str], *roles: str) -> None:
    """Refuse a log that has a column for none of the roles.

    Raises
    ------
    LogError
        If all the roles are missing; it lists the columns that are there and the flags to use.

    Examples
    --------
    >>> require_columns({"item": "sku"}, ["sku", "who"], "user", "basket")
    Traceback (most recent call last):
        ...
    likewise.errors.LogError: no user or basket column found; the columns are 'sku', 'who': name one
    with user= (--user) or basket= (--basket)
    """
    if not any(role in taken for role in roles):
        flags = " or ".join(f"{role}= (--{role})" for role in roles)
        raise LogError(
            f"no {' or '.join(roles)} column found; {_those_of(present)}: name one with {flags}"
        )


def _found(role: str, present: Sequence[str]) -> str | None:
    columns: dict[str, str] = {}
    for column in present:
        columns.setdefault(normalise(column), column)
    return next((columns[name] for name in NAMES[role] if name in columns), None)


def _those_of(present: Sequence[str]) -> str:
    shown = ", ".join(repr(column) for column in present[:30])
    return f"the columns are {shown}{' ...' if len(present) > 30 else ''}"


def require_distinct(columns: Sequence[str], name: str) -> None:
    """Refuse a table, of that name, with two columns of one name.

    Raises
    ------
    LogError
        With the first that occurs twice.
    """
    if twice := [column for column, count in Counter(columns).items() if count > 1]:
        raise LogError(f"{name} has two columns named {twice[0]!r}; give each its own name")
