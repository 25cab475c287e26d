"""The names of Python and of Airflow that the API reference mentions, and where their own documentation has them.

Sphinx gets such addresses from a site's ``objects.inv``. The site is built without a network, so they are kept here:
those of Python as in the inventory of Debian's package ``python3.11-doc``, those of Airflow as in its published pages.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

NAMES = {
    "https://docs.python.org/3/": {
        "collections.abc.Callable": "class library/collections.abc.html",
        "collections.abc.Iterator": "class library/collections.abc.html",
        "collections.abc.Mapping": "class library/collections.abc.html",
        "collections.abc.Sequence": "class library/collections.abc.html",
        "datetime.datetime": "class library/datetime.html",
        "datetime.timedelta": "class library/datetime.html",
        "enum.StrEnum": "class library/enum.html",
        "typing.Any": "data library/typing.html",
        "bool": "class library/functions.html",
        "dict": "class library/stdtypes.html",
        "float": "class library/functions.html",
        "int": "class library/functions.html",
        "list": "class library/stdtypes.html",
        "str": "class library/stdtypes.html",
        "tuple": "class library/stdtypes.html",
        "Exception": "exception library/exceptions.html",
        "KeyError": "exception library/exceptions.html",
        "RuntimeError": "exception library/exceptions.html",
        "TimeoutError": "exception library/exceptions.html",
        "ValueError": "exception library/exceptions.html",
    },
    "https://airflow.apache.org/docs/apache-airflow/3.1.0/": {
        "airflow.exceptions.AirflowException": "exception _api/airflow/exceptions/index.html",
        "airflow.exceptions.AirflowFailException": "exception _api/airflow/exceptions/index.html",
        "airflow.exceptions.AirflowSensorTimeout": "exception _api/airflow/exceptions/index.html",
        "airflow.triggers.base.BaseTrigger": "class _api/airflow/triggers/base/index.html",
        "airflow.triggers.base.TriggerEvent": "class _api/airflow/triggers/base/index.html",
    },
}
"""By site: each name with its role and its page. On the page, the anchor is the name."""


def write(folder: Path) -> dict[str, tuple[str, str]]:
    """Write an inventory for each site, and return Sphinx's ``intersphinx_mapping`` for them."""
    folder.mkdir(parents=True, exist_ok=True)
    mapping = {}
    for number, (site, names) in enumerate(NAMES.items()):
        lines = [f"{name} py:{at.split()[0]} 1 {at.split()[1]}#$ -\n" for name, at in names.items()]
        head = f"# Sphinx inventory version 2\n# Project: {site}\n# Version: \n# The rest is compressed with zlib.\n"
        path = folder / f"{number}.inv"
        path.write_bytes(head.encode() + zlib.compress("".join(lines).encode()))
        mapping[f"site-{number}"] = (site, str(path))
    return mapping
