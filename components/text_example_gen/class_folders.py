"""Which names of folders are not those of classes."""

from __future__ import annotations

from collections.abc import Collection

from components.text_example_gen.errors import DataError

# What people call splits.
SPLIT_NAMES = {"train": "train", "training": "train", "test": "test"} | {
    "testing": "test",
    **dict.fromkeys(("dev", "eval", "val", "valid", "validation"), "eval"),
}
_UNLABELLED = {"unsup", "unlabeled", "unlabelled"}
_SPLITS = {*SPLIT_NAMES, "unsup"}


def check_no_partitions(folders: Collection[str]) -> None:
    """Refuses folders of texts of which each is a partition of a table.

    Args:
        folders: Their names; "" for texts that lie in none.

    Raises:
        DataError: They are.
    """
    keys = {name.partition("=")[0] if "=" in name else "" for name in folders}
    if len(keys) == 1 and "" not in keys:
        first = min(folders)
        value = first.partition("=")[2]
        raise DataError(
            f"Folders such as `{first}` are partitions, as Spark and Hive write them, "
            "and are not read\nhint: if each of their files is one text, rename them "
            f"to `{value}` and so on; if they are tables, set their `format`, and "
            "write a column that is needed into them"
        )


def check_are_classes(folders: Collection[str]) -> None:
    """Refuses folders of texts that are named for something else than a class.

    Args:
        folders: Their names; "" for texts that lie in none.

    Raises:
        DataError: They are texts without a label, partitions, or splits.
    """
    for name in sorted(folders):
        if name.casefold() in _UNLABELLED and len(folders) > 1:
            raise DataError(
                f"The folder `{name}` looks like texts without a label, not like a "
                "class\nhint: move it out of the folder of the classes"
            )
    check_no_partitions(folders)
    if set(folders) <= {""} or not {name.casefold() for name in folders} <= _SPLITS:
        return
    names = " and ".join(f"`{name}`" for name in sorted(folders))
    raise DataError(
        f"The folders {names} look like splits of the data, not like its classes\n"
        "hint: name one of them, the folder whose folders are the classes"
    )
