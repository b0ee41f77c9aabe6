"""Files that survive a crash: each is complete or absent, and a checksum shows if it is not what was written.

Every change goes through a `Disk`, one method per primitive, so that a test can fail or kill each of them in turn.
"""

from aha.durable.files import Disk, PiecewiseFile, disk_errors, is_aside, missing_part, replace_file, seal, unseal
from aha.durable.folder import SUMS, Lock, check_folder, folder_bytes, is_running, publish_folder, remove_folder
from aha.durable.journal import ShardPlace, Shards, append_journal, read_journal
from aha.durable.reading import (
    DOCUMENT,
    LARGEST,
    absence_of,
    naming_file,
    open_file,
    open_plain,
    read_document,
    read_file,
    read_lines,
    read_records,
    refuse_foreign_form,
    unpack_file,
)

__all__ = [
    "DOCUMENT",
    "LARGEST",
    "SUMS",
    "Disk",
    "Lock",
    "PiecewiseFile",
    "ShardPlace",
    "Shards",
    "absence_of",
    "append_journal",
    "check_folder",
    "disk_errors",
    "folder_bytes",
    "is_aside",
    "is_running",
    "missing_part",
    "naming_file",
    "open_file",
    "open_plain",
    "publish_folder",
    "read_document",
    "read_file",
    "read_journal",
    "read_lines",
    "read_records",
    "refuse_foreign_form",
    "remove_folder",
    "replace_file",
    "seal",
    "unpack_file",
    "unseal",
]
