"""What can be called: make's targets and the command's own commands, and what a piece of shell calls of these."""

import re
import shlex
import subprocess
from functools import cache
from pathlib import Path

from lab.paths import BUILD, EXAMPLE, ROOT

AIRGATE = BUILD / "airgate"
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.M))


def run(*command, **options) -> subprocess.CompletedProcess:
    return subprocess.run(command, capture_output=True, text=True, timeout=30, **options)


@cache
def help_of(command: str = "") -> str:
    asked = run(AIRGATE, *command.split(), "--help")
    assert asked.returncode == 0, f"airgate has no command {command}"
    return asked.stdout


SUBCOMMANDS = set(re.findall(r"^  ([a-z-]+)  ", help_of(), re.M))


def faults_of_shell(text: str, folder: Path) -> list[str]:
    """What a piece of shell says that is not so: bad syntax, and what it calls that is not there."""
    syntax = run("bash", "-n", input=text)
    faults = [syntax.stderr] if syntax.returncode else []
    for call in _calls(text):
        faults += [f"{call}: {fault}" for fault in _faults_of_call(call, folder)]
    return faults


def _calls(text: str) -> list[str]:
    """Its simple commands, as far as one can tell them without a shell: each without its comment."""
    joined = re.sub(r"\\\n\s*", " ", text)
    lines = [re.sub(r"(^|\s)#.*", "", line) for line in joined.splitlines()]
    return [call.strip() for line in lines for call in re.split(r"\$\(|&&|\|\||[|;&()]", line) if call.strip()]


def _words(call: str) -> list[str]:
    """Brackets are around what may be left out."""
    try:
        words = shlex.split(call)
    except ValueError:  # a quotation that another command stands in
        words = call.split()
    return [word.strip("[]") for word in words]


def _faults_of_call(call: str, folder: Path) -> list[str]:
    words = _words(call)
    while words and re.match(r"\w+=", words[0]):
        words.pop(0)
    if not words:
        return []
    name, *rest = words
    plain = [word for word in rest if not word.startswith("-") and not re.match(r"[A-Z_]+=", word)]
    options = [word.partition("=")[0] for word in rest if re.match(r"--\w", word)]
    if name == "make":
        # An option's value is none of ours: nothing here takes one.
        return [f"no target {word}" for word in plain if word not in TARGETS]
    if name == "airgate":
        if not plain or plain[0] not in SUBCOMMANDS:
            return ["no such command"]
        known = set(re.findall(r"(--[a-z][a-z-]*)", help_of(plain[0]).partition("Examples:")[0]))
        return [f"no option {option}" for option in options if option not in known]
    if name in ("node", "bash", "sh") or name.endswith("python"):
        script = next((word for word in plain if re.search(r"\.(mjs|py|sh)$", word)), None)
        if not script:
            return []
        if not (ROOT / script).exists():
            return [f"no file {script}"]
        source = "".join(file.read_text() for file in (ROOT / script).parent.glob("*.*") if file.suffix in (".mjs", ".py"))
        return [f"no option {option}" for option in options if option[2:] not in source]
    if name == "npm":
        return [f"no folder {word}" for word in plain if "/" in word and not (ROOT / word).exists()]
    if name == "kubectl":
        files = re.findall(r"(?:-f|--filename|--patch-file)[ =](\S+)", call)
        return [f"no file {file}" for file in files if not (folder / file).exists()]
    if name.startswith("./"):
        # The example's scripts are called in its folder, wherever that lies.
        return [] if (folder / name).exists() or (EXAMPLE / name).exists() else ["no such file"]
    return []
