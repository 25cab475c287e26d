"""How Sphinx makes the site of these pages: ``make docs``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from airflow_provider_ecsjobs import __version__

if TYPE_CHECKING:
    from sphinx.application import Sphinx

REPOSITORY = "https://github.com/airflow-provider-ecsjobs/airflow-provider-ecsjobs"
# Files of the repository that are pages of the site, too.
PAGES = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md", "benchmarks/README.md": "benchmarks.md"}

project = "airflow-provider-ecsjobs"
author = "The airflow-provider-ecsjobs maintainers"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]

myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]

html_theme = "furo"
html_title = project
html_logo = "images/logo.svg"
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

# All our own names have to resolve. Names of others lead nowhere: no inventory of theirs can be had without a network.
nitpick_ignore_regex = [("py:.*", r"(?!airflow_provider_ecsjobs\.).*")]


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
