"""Reading and writing tables: CSV and TSV files with a header."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.errors import InputError


def columns(path: str) -> dict[str, list[str]]:
    """Read a table.

    Args:
        path: A CSV file, or a TSV file named `.tsv`, in UTF-8 with the columns' names in its first row.

    Returns:
        The cells of each column as they are written, by the column's name; all columns have the same length.

    Raises:
        InputError: It is no such file, or has no rows below the header.
    """
    delimiter = "\t" if path.endswith(".tsv") else ","
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file, delimiter=delimiter, restkey="", restval=""))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{Path(path).name} cannot be read as a table: {error}.") from error
    if not rows:
        raise InputError(f"{Path(path).name} has no rows.")
    return {name: [str(row[name]) for row in rows] for name in rows[0] if name}


def save(path: Path, table: Mapping[str, Sequence[object]]) -> None:
    """Write columns of the same length as a CSV file, e.g. `{"name": ["Ada"], "age": [36]}`."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(table)
        writer.writerows(zip(*table.values(), strict=True))
