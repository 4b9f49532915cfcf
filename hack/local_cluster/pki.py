"""Certificates of a cluster, by openssl, and the kubeconfigs that use them."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from hack.local_cluster.commands import run
from hack.local_cluster.files import write_whole

# Certificates of a machine-local cluster that is thrown away often; long enough to be forgotten.
_VALID_DAYS = 3650
CONTEXT = "rocksteady-local"


@dataclass(frozen=True)
class Certificate:
    """Who a certificate stands for.

    Attributes:
        name: Of its files, <name>.crt and <name>.key.
        common_name: The Kubernetes user, or the server's name.
        organization: The Kubernetes group; empty for none.
        alternative_names: As openssl writes them: DNS:localhost, IP:127.0.0.1.
    """

    name: str
    common_name: str
    organization: str = ""
    alternative_names: tuple[str, ...] = ()


class Authority:
    """A certificate authority in a directory, made at first use and then kept.

    Args:
        directory: Holds its certificate and all that it signed.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @property
    def certificate(self) -> Path:
        """Of the authority itself."""
        return self.directory / "ca.crt"

    def certificate_of(self, name: str) -> Path:
        """Return where the certificate of a name is."""
        return self.directory / f"{name}.crt"

    def key_of(self, name: str) -> Path:
        """Return where the private key of a name is."""
        return self.directory / f"{name}.key"

    def issue(self, certificates: Sequence[Certificate]) -> None:
        """Have certificates, and a key pair for service account tokens; kept when there.

        Raises:
            ClusterError: openssl is missing or failed.
        """
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self._certify(Certificate("ca", "rocksteady-local-ca")):
            # What an earlier authority signed is worth nothing now.
            for signed in set(self.directory.glob("*.crt")) - {self.certificate}:
                signed.unlink()
        for certificate in certificates:
            self._certify(certificate)
        self._token_key()

    def _certify(self, wanted: Certificate) -> bool:
        """Have one certificate; return whether it had to be made."""
        # The certificate is moved into place last: a key without one is made anew.
        request = self.directory / f"{wanted.name}.cnf"
        changed = write_whole(request, openssl_request(wanted))
        final = self.certificate_of(wanted.name)
        if final.exists() and not changed:
            return False
        partial = final.with_suffix(".partial")
        signer = ["-CA", str(self.certificate), "-CAkey", str(self.key_of("ca"))]
        run(
            [
                *("openssl", "req", "-x509", "-config", str(request), "-days", str(_VALID_DAYS)),
                *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
                *("-keyout", str(self.key_of(wanted.name)), "-out", str(partial)),
                *([] if wanted.name == "ca" else signer),
            ]
        )
        partial.replace(final)
        return True

    def _token_key(self) -> None:
        private, public = self.key_of("tokens"), self.directory / "tokens.pub"
        if public.exists():
            return
        curve = ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime256v1")
        run(["openssl", "genpkey", *curve, "-out", private])
        write_whole(public, run(["openssl", "pkey", "-in", private, "-pubout"]))


def openssl_request(wanted: Certificate) -> str:
    """Return the openssl configuration of one certificate."""
    own_authority = wanted.name == "ca"
    subject = [f"CN = {wanted.common_name}"]
    if wanted.organization:
        subject.insert(0, f"O = {wanted.organization}")
    usage = "keyCertSign, cRLSign" if own_authority else "digitalSignature, keyEncipherment"
    extensions = [
        f"basicConstraints = critical, CA:{str(own_authority).upper()}",
        f"keyUsage = critical, {usage}",
        "subjectKeyIdentifier = hash",
    ]
    if not own_authority:
        extensions += [
            "extendedKeyUsage = serverAuth, clientAuth",
            "authorityKeyIdentifier = keyid",
        ]
    if wanted.alternative_names:
        extensions.append(f"subjectAltName = {', '.join(wanted.alternative_names)}")
    lines = ["[req]", "prompt = no", "distinguished_name = subject", "x509_extensions = extensions"]
    lines += ["[subject]", *subject, "[extensions]", *extensions]
    return "\n".join(lines) + "\n"


def write_kubeconfig(path: Path, server: str, authority: Authority, user: str) -> None:
    """Write a kubeconfig with everything in it, readable by its owner only.

    Args:
        path: The file.
        server: Address of the API server, with scheme and port.
        authority: Signed the server's certificate.
        user: Name of the client certificate.
    """

    def encoded(file: Path) -> str:
        return base64.b64encode(file.read_bytes()).decode()

    cluster = {
        "server": server,
        "certificate-authority-data": encoded(authority.certificate),
    }
    client = {
        "client-certificate-data": encoded(authority.certificate_of(user)),
        "client-key-data": encoded(authority.key_of(user)),
    }
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": CONTEXT, "cluster": cluster}],
        "users": [{"name": user, "user": client}],
        "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": user}}],
        "current-context": CONTEXT,
    }
    write_whole(path, yaml.safe_dump(content, sort_keys=False), mode=0o600)
