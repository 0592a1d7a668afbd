"""Runs services of docker-compose.yaml as processes of this machine, with what the file gives them.

What a container engine would provide is mapped: service names to ports of 127.0.0.1, container
folders to folders of the test. Nothing of the caller's environment gets in.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.integration.compose.compose_file import image_environment
from tillflow.settings import REPOSITORY
from tillflow.stack.postgres import binaries
from tillflow.stack.processes import birth, in_sessions, stop


@dataclass
class Machine:
    """Stands in for the engine. `hosts`: "service:port" in the file -> "127.0.0.1:port" here."""

    folder: Path
    services: Mapping[str, Any]
    hosts: Mapping[str, str]
    overrides: Mapping[str, str]
    """Variables of the file that hold a port or an address to listen on, as they are here."""
    _sessions: dict[int, str] = field(default_factory=dict)
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def run(self, name: str, timeout: float = 60) -> tuple[int, str]:
        """Run a one-shot service to its end: exit code and everything it said."""
        process = self._start(name, self.command(name))
        try:
            process.wait(timeout)
        finally:
            self._end(process)
        return process.returncode, self.log(name)

    def start(self, name: str) -> None:
        """Start a long-running service and return at once."""
        self._running[name] = self._start(name, self.command(name))

    def wait_until_healthy(self, name: str, timeout: float = 200) -> None:
        """Return when the service's own health check succeeds; fail with its log when it does not."""
        until = time.monotonic() + timeout
        while (code := self.check(name)[0]) != 0:
            process = self._running.get(name)
            if process is not None and process.poll() is not None:
                raise AssertionError(f"{name} ended with {process.returncode}: {self.log(name)[-3000:]}")
            assert time.monotonic() < until, f"{name}: health check says {code}: {self.log(name)[-3000:]}"
            time.sleep(0.5)

    def check(self, name: str) -> tuple[int, str]:
        """Run the service's health check once: exit code and what it said."""
        kind, *words = self._mapped(name, self.services[name]["healthcheck"]["test"])
        command = ["/bin/sh", "-c", *words] if kind == "CMD-SHELL" else words
        result = subprocess.run(
            command, env=self.environment(name), capture_output=True, text=True, timeout=120, check=False
        )
        return result.returncode, result.stdout + result.stderr

    def stop(self) -> None:
        """Stop everything as the engine does: SIGTERM to the main processes, and whatever stays is killed."""
        stop((p for p in in_sessions(self._sessions) if p.pid in self._sessions), grace=6)
        stop(in_sessions(self._sessions), grace=2)
        for process in self._running.values():
            process.wait(5)

    @property
    def left_over(self) -> list[str]:
        """What still runs of all that was started."""
        return [" ".join(process.cmdline()) for process in in_sessions(self._sessions)]

    def command(self, name: str) -> list[str]:
        """What the container would run."""
        service = self.services[name]
        words: list[str] = self._mapped(name, [*service.get("entrypoint", []), *service["command"]])
        return words

    def environment(self, name: str) -> dict[str, str]:
        """The container's environment: the image's, then the service's."""
        given: dict[str, str] = self._mapped(name, {**image_environment(), **self.services[name]["environment"]})
        return {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), str(binaries()), os.defpath]),
            "HOME": str(self._at(name, "home")),
            "HOSTNAME": socket.gethostname(),
            **given,
            **{variable: value for variable, value in self.overrides.items() if variable in given},
        }

    def log(self, name: str) -> str:
        """Everything the service said."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def folder_of(self, name: str, target: str) -> Path:
        """Where the container's folder `target` is."""
        return self._at(name, "tmp") if target == "/tmp" else self._at("volumes", target)

    def _at(self, name: str, what: str) -> Path:
        folder = self.folder / name / what.strip("/")
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _mapped(self, name: str, node: Any) -> Any:
        """`node` with the container's folders and hosts replaced by ours, all in one pass."""
        service = self.services[name]
        targets = [volume.split(":")[1] for volume in service.get("volumes", [])]
        known = {target: str(self.folder_of(name, target)) for target in [*targets, "/tmp"]}
        known |= {"/opt/tillflow": str(REPOSITORY), **self.hosts}
        pattern = re.compile(r"(?<![\w/.])(?:" + "|".join(map(re.escape, known)) + r")(?![\w.-])")

        def walk(part: Any) -> Any:
            if isinstance(part, dict):
                return {key: walk(value) for key, value in part.items()}
            if isinstance(part, list):
                return [walk(value) for value in part]
            # a URL's host follows // or @
            text = re.sub(r"(?<=//|.@)[a-z-]+:\d+", lambda m: self.hosts.get(m[0], m[0]), str(part))
            return pattern.sub(lambda match: known[match[0]], text)

        return walk(node)

    def _start(self, name: str, command: list[str]) -> subprocess.Popen[bytes]:
        environment = self.environment(name)
        program = shutil.which(command[0], path=environment["PATH"])
        assert program, f"{name}: this machine has no {command[0]}"
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [program, *command[1:]],
                cwd=self._at(name, "cwd"),
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._sessions[process.pid] = birth(process.pid)
        return process

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        stop(in_sessions({process.pid: self._sessions[process.pid]}), grace=2)
        process.wait(5)
