import pytest

from rocksteady.api.model_uri import ModelUri, ModelUriError, parse_model_uri

HEX = "a" * 64


@pytest.mark.parametrize(
    ("text", "uri", "pinned"),
    [
        pytest.param("hf://org/name", ModelUri("hf", "org/name", "", None), False, id="hf"),
        pytest.param(
            "hf://org/name/q4/m.gguf@7e27bd9",
            ModelUri("hf", "org/name", "q4/m.gguf", "7e27bd9"),
            True,
            id="hf file at a commit",
        ),
        pytest.param(
            "hf://org/name@refs/pr/1",
            ModelUri("hf", "org/name", "", "refs/pr/1"),
            False,
            id="hf at a branch",
        ),
        pytest.param(
            "s3://bucket/a/b/", ModelUri("s3", "bucket", "a/b", None), False, id="s3 prefix"
        ),
        pytest.param("gs://bucket", ModelUri("gs", "bucket", "", None), False, id="whole bucket"),
        pytest.param(
            "oci://localhost:5000/m:v1",
            ModelUri("oci", "localhost:5000/m:v1", "", None),
            False,
            id="artifact by tag",
        ),
        pytest.param(
            f"oci://models/m@sha256:{HEX}",
            ModelUri("oci", "models/m", "", f"sha256:{HEX}"),
            True,
            id="artifact by digest",
        ),
        pytest.param(
            "pvc://claim/a/b", ModelUri("pvc", "claim", "a/b", None), False, id="claim with path"
        ),
        pytest.param(
            f"https://host/a/m.gguf#sha256={HEX}",
            ModelUri("https", "host", "a/m.gguf", f"sha256={HEX}"),
            True,
            id="https with checksum",
        ),
        pytest.param("image:///m", ModelUri("image", "", "/m", None), False, id="in the image"),
    ],
)
def test_parse_model_uri__reads(text: str, uri: ModelUri, pinned: bool) -> None:  # noqa: FBT001
    assert parse_model_uri(text) == uri
    assert parse_model_uri(text).pinned is pinned


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("org/name", "has no known scheme: use one of hf://", id="no scheme"),
        pytest.param("http://host/m", "has no known scheme", id="http"),
        pytest.param("hf://name", "must read hf://organisation/name", id="no organisation"),
        pytest.param("hf://org/name@", "must read hf://organisation/name", id="empty revision"),
        pytest.param("s3:///prefix", "must read s3://bucket/prefix", id="no bucket"),
        pytest.param("s3://bucket/../other", "must not climb out", id="dots in a bucket"),
        pytest.param("oci://m@sha256:1", "must read oci://repository", id="short digest"),
        pytest.param("pvc:///path", "must read pvc://claim", id="no claim"),
        pytest.param("pvc://claim/../x", "must not climb out", id="dots in a claim"),
        pytest.param("https://host", "must read https://host/file", id="no file"),
        pytest.param("https://host/m#md5=1", "must read https://host/file", id="weak checksum"),
        pytest.param("https://me:pw@host/m", "must not carry a user", id="password"),
        pytest.param("https://me:pw@host", "must not carry a user", id="password, no file"),
        pytest.param("https://me:pw/x@host/m", "must read https://host/file", id="slash in it"),
        pytest.param("https://host:99999/m", "must not have a port", id="port too high"),
        pytest.param("https://host:0/m", "must not have a port", id="port 0"),
        pytest.param("https://host/", "must read https://host/file", id="a folder"),
        pytest.param("s3://me:pw@bucket/m", "must not carry a user", id="password of a bucket"),
        pytest.param("gs://me:pw/x@b/m", "must read gs://bucket/prefix", id="no bucket's name"),
        pytest.param(f"oci://m@sha256={HEX}", "must read oci://repository", id="checksum of oci"),
        pytest.param("oci://m@", "must read oci://repository", id="empty digest"),
        pytest.param(f"https://host/m#sha256:{HEX}", "must read https://host/", id="digest of web"),
        pytest.param("https://host/m#", "must read https://host/file", id="empty checksum"),
        pytest.param(
            f"https://host/m-00001-of-00002.gguf#sha256={HEX}",
            "one part of the split file only",
            id="checksum of a part",
        ),
        pytest.param("image://m", "must read image:///absolute/path", id="relative path"),
    ],
)
def test_parse_model_uri__refuses(text: str, message: str) -> None:
    with pytest.raises(ModelUriError, match=message) as raised:
        parse_model_uri(text)

    assert "pw" not in str(raised.value)
