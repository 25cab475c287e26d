"""Each page is read by a test: its snippets, its tables, its links, or the names that it mentions."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, README, ROOT, TEXTS, anchors, code_in, snippets, tables
from tests.docs.waiting_page import PAGE as WAITING
from tests.emulator.emulator_page import PAGE as EMULATOR
from tests.submits.decision_page import PAGE as DECISIONS

REPOSITORY = "https://github.com/airflow-provider-ecsjobs/airflow-provider-ecsjobs"
LOCAL = re.compile(rf"{REPOSITORY}/(?:blob|tree)/main/|{REPOSITORY}/raw/main/")
RAW = "https://raw.githubusercontent.com/airflow-provider-ecsjobs/airflow-provider-ecsjobs/main/"

GENERATED = {str(Path(page).relative_to(ROOT)) for page in (WAITING, EMULATOR, DECISIONS)}
"""Made from tables of the code, and compared with them elsewhere."""

OPERATORS = "docs/server-operators.md"
"""The contents of docs/operators/."""

INCLUDED = {
    "docs/benchmarks.md": "benchmarks/README.md",
    "docs/changelog.md": "CHANGELOG.md",
    "docs/contributing.md": "CONTRIBUTING.md",
}
"""Pages of the site that show another file of the repository."""

TABLE_CHECKS = {
    "capacity",
    "example dags",
    "exceptions",
    "fields",
    "hints",
    "metrics",
    "operations",
    "options",
    "parameters of submits",
    "parameters of tasks",
    "parameters of the trigger",
    "typed operators",
    "versions",
    "xcoms",
}
"""The tables that repeat the code, each compared with it by a test."""

PROSE_TABLES = {"docs/architecture.md", "docs/from-huawei.md", "docs/from-sensor.md", "docs/upgrading.md", README}
"""Pages with tables that repeat nothing; their files and links are looked at below."""

PROSE = {
    "docs/api.md",
    "docs/architecture.md",
    "docs/how-waiting-works.md",
    "docs/index.md",
    "docs/limits.md",
    "docs/outages.md",
    "docs/security.md",
    "docs/troubleshooting.md",
    "docs/upgrading.md",
}
"""Pages of sentences: their names, commands and links are looked at below; troubleshooting has a test of its own."""

ROOTS = [ROOT, ROOT / "airflow_provider_ecsjobs"]
MODULES = ["operators.servers", "operators.ecs_jobs", "sensors.ecs_jobs", "triggers.ecs_jobs", "hooks.ecs_jobs"]
MODULES += ["exceptions", "plugin.ecs_jobs", "links.ecs_console"]


@pytest.mark.parametrize("page", PAGES)
def test_a_test_reads_each_page(page: str) -> None:
    checked = [one.check for one in snippets() if one.page == page and one.check]
    checked += [check for of, check, _ in tables() if of == page and check]

    assert checked or page in GENERATED | PROSE | INCLUDED.keys(), (
        "give it a snippet or a table that is checked, or add it to PROSE"
    )


@pytest.mark.parametrize("page", INCLUDED)
def test_a_page_shows_the_file_that_it_is_named_after(page: str) -> None:
    assert TEXTS[page].startswith(f"```{{include}} ../{INCLUDED[page]}\n")


@pytest.mark.parametrize("contents", ["docs/index.md", "docs/server-operators.md"])
def test_the_contents_list_each_page_twice_for_readers_of_the_site_and_of_the_repository(contents: str) -> None:
    below = {page for page in PAGES if page.startswith("docs/operators/")}
    listed = below if contents == OPERATORS else set(PAGES) - below - {README, contents}
    named = {f"docs/{name}.md" for name in re.findall(r"^([a-z/-]+)$", TEXTS[contents], re.M)}
    linked = {_of_this_repository(contents, link) for link in _links(contents)}
    assert named == listed
    assert linked >= listed


@pytest.mark.parametrize("page", PAGES)
def test_each_table_is_compared_with_the_code_or_repeats_nothing(page: str) -> None:
    checks = {check for of, check, _ in tables() if of == page}
    if page not in GENERATED | PROSE_TABLES | {one.page for one in snippets("operator dag")}:
        assert "" not in checks
    assert checks - {""} <= TABLE_CHECKS


@pytest.mark.parametrize("page", PAGES)
def test_the_links_lead_somewhere(page: str) -> None:
    for link in _links(page):
        path, _, anchor = _of_this_repository(page, link).partition("#")
        if path.startswith("https://"):
            continue
        assert (ROOT / path).exists(), link
        if anchor:
            assert anchor in anchors(path), link


def test_the_readme_reads_the_same_anywhere() -> None:
    assert [link for link in _links(README) if not link.startswith("https://")] == []


@pytest.mark.parametrize("page", PAGES)
def test_the_names_exist(page: str) -> None:
    public = {name for module in MODULES for name in dir(importlib.import_module(f"airflow_provider_ecsjobs.{module}"))}
    for code in code_in(re.sub(r"^```.*?^```$", "", TEXTS[page], flags=re.M | re.S)):
        if re.fullmatch(r"Ecs[A-Z]\w+", code):
            assert code in public, code
        elif re.fullmatch(r"make [a-z0-9.-]+", code):
            assert re.search(rf"^{code.split()[1]}:", (ROOT / "Makefile").read_text(), re.M), code
        elif re.fullmatch(r"(tests|core|transport|operators|plugin|emulator|benchmarks|example_dags)/[\w/.]+", code):
            module = f"{code.rpartition('.')[0] or code}.py"
            assert any((root / name).exists() for root in ROOTS for name in (code, f"{code}.py", module)), code


def test_the_api_reference_has_each_class_that_the_registry_lists() -> None:
    named = re.findall(r"- module: (\S+)", (ROOT / ".airflow-registry.yaml").read_text())
    documented = set(re.findall(r"auto(?:class|module|function):: (\S+)", TEXTS["docs/api.md"]))
    assert named
    assert [name for name in named if not documented & {name, name.rpartition(".")[0]}] == []


def _links(page: str) -> list[str]:
    found = re.findall(r"\]\(([^)]+)\)|src=\"([^\"]+)\"", TEXTS[page])
    return [markdown or html for markdown, html in found]


def _of_this_repository(page: str, link: str) -> str:
    """Return the path in the repository that a link leads to, or the link if it leads elsewhere."""
    if link.startswith("#"):
        return page + link
    local = LOCAL.sub("", link.replace(RAW, ""))
    if local != link or local.startswith("https://"):
        return local
    path, hash_, anchor = link.partition("#")
    return str((ROOT / page).parent.joinpath(path).resolve().relative_to(ROOT)) + hash_ + anchor
