"""How Sphinx makes the site of these pages: ``make docs``."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_ecsjobs import __version__

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
import inventories  # noqa: E402 - beside this file, which Sphinx executes without its folder on the path

if TYPE_CHECKING:
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx

REPOSITORY = "https://github.com/airflow-provider-ecsjobs/airflow-provider-ecsjobs"
# Files of the repository that are pages of the site, too.
PAGES = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md", "benchmarks/README.md": "benchmarks.md"}

project = "airflow-provider-ecsjobs"
author = "The airflow-provider-ecsjobs maintainers"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.intersphinx"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]

myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]

highlight_language = "none"  # a block without a language is a drawing

html_theme = "furo"
html_title = project
html_logo = "integration-logos/huawei-cloud-ecs.svg"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_copyright = False
html_theme_options = {
    "source_repository": REPOSITORY,
    "source_branch": "main",
    "source_directory": "docs/",
}

autodoc_default_options = {"exclude-members": "__init__, __new__"}
autodoc_inherit_docstrings = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 80

intersphinx_mapping = inventories.write(HERE.parent / "build" / "inventories")

# Names that a module imports for the type checker alone come without their module.
UNQUALIFIED = {
    "timedelta": "datetime.timedelta",
    "TriggerEvent": "airflow.triggers.base.TriggerEvent",
    "AirflowException": "airflow.exceptions.AirflowException",
}
# Parts of annotations, and types of no use to a reader, lead nowhere.
OF_NO_USE = ("Callable[[]", "Mapping[str", "Operation", "Settings", "SyncClient", "TaskDecorator", "Wait", "WaitEnd")
nitpick_ignore = [("py:class", name) for name in OF_NO_USE]


def find_home(_: Sphinx, __: object, node: pending_xref, ___: object) -> None:
    """Give a name the one that the inventories have."""
    name = node.get("reftarget", "").replace("airflow.sdk.exceptions.", "airflow.exceptions.")
    node["reftarget"] = UNQUALIFIED.get(name, name)


def lead_to_repository(_: Sphinx, page: str, content: list[str]) -> None:
    """Have links to files outside of docs/ lead to the repository, or to the page that shows the file."""
    up = re.escape("../" * (page.count("/") + 1))

    def target(match: re.Match[str]) -> str:
        path, anchor = match["path"], match["anchor"] or ""
        return f"]({PAGES.get(path, f'{REPOSITORY}/blob/main/{path}')}{anchor})"

    content[0] = re.sub(rf"\]\({up}(?P<path>[^)#]+)(?P<anchor>#[^)]*)?\)", target, content[0])


def setup(app: Sphinx) -> None:
    """Connect the above."""
    app.connect("source-read", lead_to_repository)
    # Before the inventories are asked, whose priority is 500.
    app.connect("missing-reference", find_home, priority=400)
