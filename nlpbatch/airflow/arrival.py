"""Whether a recipe's source has arrived: looked at without Spark, wherever it is."""

from typing import Any

from nlpbatch.errors import ConfigError, NlpbatchError
from nlpbatch.formats.file_systems import file_system
from nlpbatch.formats.names import is_hidden
from nlpbatch.recipe.recipe_file import Recipe


def has_arrived(recipe: Recipe, marker: str | None = None) -> bool:
    """Return whether the files of a recipe's source are there.

    Args:
        recipe: With its variables filled in.
        marker: Name of the file in the source's directory that says that it is complete, such as `_SUCCESS`; None if
            any file will do that Spark would read.

    Raises:
        ConfigError: The source is no directory of files, or can't be looked at.

    """
    if recipe.source.files is None:
        raise ConfigError(
            "[source] is a table or a query, whose arrival can't be seen: schedule the recipe by an asset, or wait for "
            "[source] files"
        )
    url = recipe.source.files if marker is None else f"{recipe.source.files.rstrip('/')}/{marker}"
    try:
        files, path = file_system(url)
        files.invalidate_cache()
        return bool(files.info(path)) if marker is not None else _has_files(files, path)
    except FileNotFoundError:
        return False
    except NlpbatchError:
        raise
    except Exception as error:  # each store's library raises classes of its own
        raise ConfigError(f"{url!r} can't be looked at: {error}: check the address and the rights") from error


def _has_files(files: Any, path: str) -> bool:
    """Return whether a path, or one that it matches as a glob, is a file to read or holds one."""
    for root in files.glob(path) if any(sign in path for sign in "*?[") else [path]:
        for file, about in files.find(root, detail=True).items():
            inside = file.removeprefix(root.rstrip("/")).strip("/").split("/")
            if about["size"] and not any(map(is_hidden, filter(None, inside))):
                return True
    return False
