#!/usr/bin/env python3
"""Type stubs of the extension module, from the signatures that pybind11 writes into its docs.

python_stubs.py FILE writes them (python/cairn/_cairn.pyi); with PYTHONPATH=build/python.
python_stubs.py --check FILE fails when they are not the module's.
"""
import inspect
import pathlib
import re
import sys

from cairn import _cairn

HEAD = '''# Written by tools/python_stubs.py; do not edit.
from typing import Any, Dict, List, Optional, Sequence, Tuple, Union, overload

__version__: str

class Error(RuntimeError): ...
'''
SIGNATURE = re.compile(r"^(?:\d+\. )?(\w+)(\(.*\)) -> (.+)$")
# Compared elementwise, whatever object says; the buffer protocol has no method.
OPERATORS = {"__eq__", "__ne__"}


def plain(text):
    text = text.replace("cairn._cairn.", "").replace("cairn.Tensor", "Tensor").replace("cairn.Model", "Model")
    text = re.sub(r"Callable\[\[.*?\], .*?\]|: function\b", lambda m: ": Any" if m.group().startswith(":") else "Any", text)
    text = re.sub(r"\b(object|handle|capsule)\b", "Any", text)
    return re.sub(r"\bcairn::\S+", "Any", text).replace("*args", "*args: Any").replace("**kwargs", "**kwargs: Any")


def signatures(name, function):
    for line in (function.__doc__ or "").splitlines():
        found = SIGNATURE.match(line)
        if found and found.group(1) == name and "(*args, **kwargs)" != found.group(2):
            yield plain(found.group(2)), plain(found.group(3))
    if (function.__doc__ or "").startswith(f"{name}(*args, **kwargs) -> "):
        yield "(*args: Any, **kwargs: Any)", "Any"


def stub(name, function, indent):
    lines = list(dict.fromkeys(signatures(name, function)))
    if not lines:
        lines = [("(*args: Any, **kwargs: Any)", "Any")]
    ignore = "  # type: ignore[override]" if name in OPERATORS else ""
    for parameters, result in lines:
        parameters = re.sub(r"^\(self: [\w.]+", "(self", parameters)
        if len(lines) > 1:
            yield f"{indent}@overload{ignore}"
            ignore = ""
        yield f"{indent}def {name}{parameters} -> {result}: ...{ignore}"


def class_stub(name, cls):
    yield f"class {name}:"
    empty = True
    for member, value in sorted(vars(cls).items()):
        if member in ("__module__", "__doc__", "__new__", "__array__", "numpy", "__hash__", "_pybind11_conduit_v1_") or (member == "__init__" and not signatures_of(value)):
            continue
        if isinstance(value, property):
            result = next((r for _, r in signatures_of_property(value)), "Any")
            yield "    @property"
            yield f"    def {member}(self) -> {result}: ..."
            if value.fset:
                yield f"    @{member}.setter"
                yield f"    def {member}(self, value: {result}) -> None: ..."
        elif callable(value) or inspect.isroutine(value):
            yield from stub(member, value, "    ")
        else:
            continue
        empty = False
    if name == "Tensor":
        yield "    def numpy(self) -> Any: ..."
        yield "    def __array__(self, dtype: Any = None, copy: Optional[bool] = None) -> Any: ..."
        yield "    def __buffer__(self, flags: int) -> memoryview: ..."
    elif empty:
        yield "    ..."


def signatures_of(function):
    return list(signatures("__init__", function))


def signatures_of_property(value):
    found = re.search(r"-> (.+)$", (value.fget.__doc__ or "").strip().splitlines()[0]) if value.fget.__doc__ else None
    return [("", plain(found.group(1)))] if found else []


def stubs():
    lines = HEAD.splitlines()
    members = sorted(vars(_cairn).items())
    for name, value in members:
        if isinstance(value, type) and name != "Error":
            lines += ["", *class_stub(name, value)]
    lines.append("")
    for name, value in members:
        if not isinstance(value, type) and callable(value):
            lines += stub(name, value, "")
    return "\n".join(lines) + "\n"


if len(sys.argv) == 2:
    pathlib.Path(sys.argv[1]).write_text(stubs())
elif len(sys.argv) == 3 and sys.argv[1] == "--check":
    if pathlib.Path(sys.argv[2]).read_text() != stubs():
        sys.exit(f"{sys.argv[2]} is not what tools/python_stubs.py writes")
else:
    sys.exit(__doc__)
