"""The files that belong to one that a URI names."""

import re
from typing import Final

_SHARD: Final = re.compile(r"^(?P<stem>.*)-(?P<index>\d{5})-of-(?P<count>\d{5})\.gguf$")


def with_shards(path: str) -> tuple[str, ...]:
    """The path, with its siblings when it names a shard of a split GGUF file.

    llama.cpp finds the others beside the first by their names.

    >>> with_shards("q4/model-00001-of-00002.gguf")
    ('q4/model-00001-of-00002.gguf', 'q4/model-00002-of-00002.gguf')

    Source: ggml-org/llama.cpp:src/llama.cpp (llama_split_path: `%s-%05d-of-%05d.gguf`).
    """
    match = _SHARD.match(path)
    if match is None:
        return (path,)
    count = int(match["count"])
    return tuple(
        f"{match['stem']}-{index:05d}-of-{count:05d}.gguf" for index in range(1, count + 1)
    )
