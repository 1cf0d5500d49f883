"""What a wasm module takes from its host and offers to it: two sections of the binary format, and no more."""

from pathlib import Path

_IMPORTS, _EXPORTS = 2, 7
_FUNCTION = 0


class Module:
    def __init__(self, file: Path):
        self._bytes = file.read_bytes()
        assert self._bytes[:8] == b"\0asm\1\0\0\0", f"{file} is no wasm module"

    @property
    def imports(self) -> set[str]:
        """Names of the host functions it calls, without their module's name."""
        reader = self._section(_IMPORTS)
        return {name for name, kind in (_import(reader) for _ in range(reader.number())) if kind == _FUNCTION}

    @property
    def exports(self) -> set[str]:
        """Names of the functions that a host may call."""
        reader = self._section(_EXPORTS)
        return {name for name, kind in (_export(reader) for _ in range(reader.number())) if kind == _FUNCTION}

    def _section(self, wanted: int) -> "_Reader":
        reader = _Reader(self._bytes, 8)
        while True:
            kind, size = reader.byte(), reader.number()
            if kind == wanted:
                return reader
            reader.at += size


class _Reader:
    def __init__(self, data: bytes, at: int):
        self._data = data
        self.at = at

    def byte(self) -> int:
        self.at += 1
        return self._data[self.at - 1]

    def number(self) -> int:
        """LEB128."""
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def name(self) -> str:
        size = self.number()
        self.at += size
        return self._data[self.at - size : self.at].decode()


def _import(reader: _Reader) -> tuple[str, int]:
    reader.name()
    name, kind = reader.name(), reader.byte()
    assert kind == _FUNCTION, f"{name} is no function: the rest could not be read"
    reader.number()
    return name, kind


def _export(reader: _Reader) -> tuple[str, int]:
    name, kind = reader.name(), reader.byte()
    reader.number()
    return name, kind
