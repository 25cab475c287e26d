"""Check an environment that this provider is installed into: all of it imports, and Airflow can load it.

Run by that environment's Python, outside of the checkout. Prints one line, or what went wrong.
"""

from __future__ import annotations

import contextlib
import importlib
import pkgutil
import subprocess
import sys
import warnings
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

PACKAGE = "airflow_provider_ecsjobs"
# The pytest fixture needs pytest, which is the user's to install.
NOT_IMPORTED = {f"{PACKAGE}.emulator.pytest_plugin"}
# The pages are for Airflow 3. The plugin itself imports them only there.
NOT_ON_2 = {f"{PACKAGE}.plugin.queries", f"{PACKAGE}.plugin.web"}


def import_everything() -> int:
    """Import each module, with deprecation warnings as errors.

    :return: the number of modules.
    """
    # Airflow's own warnings are not ours to mend, nor are those of what it imports.
    for name in ("airflow.providers.common.compat.sdk", "airflow.triggers.base", "airflow.api_fastapi.app"):
        with contextlib.suppress(ModuleNotFoundError):  # the last one is Airflow 3's
            importlib.import_module(name)

    package = importlib.import_module(PACKAGE)
    if Path(package.__file__ or "").is_relative_to(Path(__file__).parents[1]):
        raise SystemExit("The checkout was imported in place of what is installed: run this from another folder.")
    names = [module.name for module in pkgutil.walk_packages(package.__path__, f"{PACKAGE}.")]
    left_out = (*NOT_IMPORTED, *(NOT_ON_2 if version("apache-airflow").startswith("2.") else ()))
    wanted = [name for name in names if name not in left_out and not name.endswith("__main__")]
    with warnings.catch_warnings():
        # Airflow's own are derived from one of these: that of a name which has moved is a FutureWarning.
        for category in (DeprecationWarning, PendingDeprecationWarning, FutureWarning):
            warnings.simplefilter("error", category)
        for name in wanted:
            importlib.import_module(name)
    return len(wanted)


def load_hooks() -> None:
    """Let Airflow load the hooks of all its providers, as its web server does."""
    airflow = Path(sys.executable).with_name("airflow")
    told = subprocess.run([airflow, "providers", "hooks"], capture_output=True, text=True, timeout=120, check=False)
    said = told.stdout + told.stderr
    if told.returncode or "Error when importing" in said or "huawei_ecs" not in told.stdout:
        raise SystemExit(f"airflow providers hooks failed, or does not list huawei_ecs:\n{said}")


def draw_form() -> None:
    """Let Airflow 3 make the connection form: 3.0 and 3.1 ask the hook's methods for it, later ones the metadata."""
    airflow = version("apache-airflow")
    # Airflow 2.11 has tests of its own for its form; 3.0 shows no extra field of any provider without the FAB provider.
    if airflow.startswith("2.") or (airflow.startswith("3.0.") and not find_spec("flask_appbuilder")):
        return
    from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService

    (form,) = (form for form in HookMetaService.hook_meta_data() if form.connection_type == "huawei_ecs")
    fields = form.extra_fields or {}
    if fields["auth"]["schema"].get("enum") != ["aksk", "password", "token", "agency", "env"]:
        raise SystemExit(f"The connection form has no list to choose 'auth' from: {fields['auth']}")
    secret = {name for name, field in fields.items() if field["schema"].get("format") == "password"}
    if secret != {"security_token", "token", "proxy"}:
        raise SystemExit(f"The connection form hides {secret}")


def main() -> None:
    """Check this environment."""
    modules = import_everything()
    load_hooks()
    draw_form()
    versions = [f"Airflow {version('apache-airflow')}"]
    versions += [f"common-compat {version('apache-airflow-providers-common-compat')}"]
    versions += [f"Python {sys.version_info.major}.{sys.version_info.minor}"]
    print(f"{', '.join(versions)}: {modules} modules imported, hooks loaded")


if __name__ == "__main__":
    main()
