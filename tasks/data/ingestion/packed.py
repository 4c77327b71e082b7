"""Opens delivered text files, packed or not."""

from __future__ import annotations

import pyarrow as pa

from tasks.data.ingestion.columns import IngestError

_CODECS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}
_OTHER_KINDS = {
    b"\x1f\x8b": "packed with gzip: name it .gz",
    b"\x28\xb5\x2f\xfd": "packed with zstd: name it .zst",
    b"BZh": "packed with bzip2: name it .bz2",
    b"PAR1": "Parquet: name it .parquet",
    b"PK\x03\x04": "an Excel workbook or a zip archive: save its table as CSV",
}


def open_bytes(path: str) -> pa.NativeFile:
    """The unpacked bytes of a file, by the end of its name.

    Raises:
        IngestError: The bytes are those of another kind of file.
    """
    codec = next((codec for suffix, codec in _CODECS.items() if path.lower().endswith(suffix)), None)
    if codec is None:
        with open(path, "rb") as file:
            start = file.read(4)
        refuse_other_kind(path, start)
    return pa.input_stream(path, compression=codec)


def refuse_other_kind(path: str, start: bytes) -> None:
    """Check the first bytes of a file against those of kinds that its name does not tell.

    Raises:
        IngestError: They are those of another kind.
    """
    for magic, advice in _OTHER_KINDS.items():
        if start.startswith(magic):
            raise IngestError(f"{path}: its bytes are {advice}; nothing was written")
