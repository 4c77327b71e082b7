"""Names that may become paths: datasets, partitions, chunks and references.

Everything outside the pattern is refused, so no name can climb out of the root, hide a file or collide with the
store's own folders, which start with an underscore.
"""

from __future__ import annotations

import re

from pinsage.store.errors import InvalidNameError

# Pages are written by other tools, which name their folders as they like.
PAGE = re.compile(r"[A-Za-z0-9._=+ -]{1,200}")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=-]{0,127}")


def check_name(name: str, what: str = "name") -> str:
    """Return ``name`` when it is one valid path segment.

    Args:
        name: The candidate.
        what: What it names, for the message.

    Raises:
        InvalidNameError: It has a slash, a space, a leading dot or underscore, ``..``, or over 128 characters.
    """
    if not NAME.fullmatch(name) or ".." in name:
        raise InvalidNameError(
            f"{what} {name!r}: expected 1 to 128 characters of A-Z a-z 0-9 . _ = - that start with a letter or digit "
            "and hold no '..'; choose another name"
        )
    return name


def check_path_name(name: str, what: str = "dataset") -> str:
    """Return ``name`` when every segment between slashes is a valid name, as in ``raw/saves``.

    Raises:
        InvalidNameError: A segment is empty or not allowed.
    """
    for segment in name.split("/"):
        check_name(segment, what)
    return name


def check_page_path(path: str) -> str:
    """Return ``path`` when no segment of it could leave the site's folder.

    Raises:
        InvalidNameError: A segment is empty, ``.``, ``..`` or holds other characters.
    """
    for segment in path.split("/"):
        if not PAGE.fullmatch(segment) or segment.strip(".") == "":
            raise InvalidNameError(f"page {path!r}: {segment!r} is no name of a page; choose another")
    return path


def split_uri(uri: str) -> tuple[str, str, str]:
    """Split ``<dataset>/<partition>/<fingerprint>`` into its three parts.

    Raises:
        InvalidNameError: The URI does not have this form.
    """
    parts = uri.rsplit("/", 2)
    if len(parts) != 3:
        raise InvalidNameError(f"version {uri!r}: expected <dataset>/<partition>/<fingerprint>")
    dataset, partition, fingerprint = parts
    check_path_name(dataset)
    check_name(partition, "partition")
    check_name(fingerprint, "fingerprint")
    return dataset, partition, fingerprint
