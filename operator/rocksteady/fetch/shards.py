"""The files that belong to one that a URI names."""

from rocksteady.api.model_uri import SHARD


def with_shards(path: str) -> tuple[str, ...]:
    """The path, with its siblings when it names a shard of a split GGUF file.

    llama.cpp finds the others beside the first by their names.

    >>> with_shards("q4/model-00001-of-00002.gguf")
    ('q4/model-00001-of-00002.gguf', 'q4/model-00002-of-00002.gguf')
    """
    match = SHARD.match(path)
    if match is None:
        return (path,)
    count = int(match["count"])
    return tuple(
        f"{match['stem']}-{index:05d}-of-{count:05d}.gguf" for index in range(1, count + 1)
    )
