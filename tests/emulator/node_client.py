"""The official Node SDK, driven by lines of JSON; installed from the lock file into a directory of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_ecsjobs.emulator import Emulator

SOURCES = Path(__file__).parent / "node"


def install(directory: Path) -> str | None:
    """Install the SDK into a directory; return why it cannot be, or None."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        return "there is no Node here"
    for name in ("package.json", "package-lock.json", "calls.js"):
        shutil.copy(SOURCES / name, directory)
    command = [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else f"npm ci: {done.stderr.strip().splitlines()[0]}"


class NodeClient:
    """A Node process that is a client of an emulator. Use it as a context manager."""

    def __init__(self, directory: Path, emulator: Emulator, *, temporary: bool = False) -> None:
        self._process = subprocess.Popen(
            [shutil.which("node") or "node", "calls.js"],
            cwd=directory,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        found = emulator.sdk_environment(temporary=temporary)
        names = {"AK": "accessKey", "SK": "secretKey", "PROJECT_ID": "projectId", "SECURITY_TOKEN": "securityToken"}
        login = {ours: found.get(f"HUAWEICLOUD_SDK_{theirs}", "") for theirs, ours in names.items()}
        self._ask({**login, "endpoint": emulator.url})

    def call(self, method: str, **request: Any) -> dict[str, Any]:
        """Call a method by its Python name; return its answer.

        :raises AssertionError: if it is refused.
        """
        said = self._ask({"method": _camel(method), "request": request})
        assert "answer" in said, said
        answer: dict[str, Any] = said["answer"]
        return answer

    def refusal(self, method: str, **request: Any) -> tuple[int, str]:
        """Call a method that is refused; return status and code."""
        said = self._ask({"method": _camel(method), "request": request})
        return said["status"], said["code"]

    def _ask(self, what: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{json.dumps(what)}\n")
        self._process.stdin.flush()
        # The SDK logs errors to stdout, too.
        answer = next(line for line in self._process.stdout if line.startswith("ANSWER "))
        said: dict[str, Any] = json.loads(answer.removeprefix("ANSWER "))
        return said

    def __enter__(self) -> NodeClient:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._process.kill()
        self._process.communicate()


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)
