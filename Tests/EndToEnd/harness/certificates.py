"""A certificate authority of the tests' own, and servers' certificates that are right, or wrong in one way each."""

import ssl
import subprocess
from pathlib import Path

AUTHORITY = """\
[ca]
default_ca = own
[own]
dir = {folder}
database = {folder}/index.txt
serial = {folder}/serial
new_certs_dir = {folder}
certificate = {folder}/ca.pem
private_key = {folder}/ca.key
default_md = sha256
policy = any
copy_extensions = copy
unique_subject = no
[any]
commonName = supplied
"""


class Certificates:
    """`ca_file` is the authority. `context(name)` is a server's TLS context for `good`, `expired`, `wrong-name`
    (all signed by the authority) or `self-signed`."""

    names = ("good", "expired", "wrong-name", "self-signed")
    right_names = "DNS:localhost,DNS:images.test,DNS:*.example.com,IP:127.0.0.1"

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.ca_file = self.folder / "ca.pem"
        self._self_signed("ca", "/CN=Test authority", "basicConstraints=critical,CA:TRUE")
        (self.folder / "index.txt").touch()
        (self.folder / "serial").write_text("1000\n")
        (self.folder / "ca.conf").write_text(AUTHORITY.format(folder=self.folder))
        self._signed("good", self.right_names)
        self._signed("wrong-name", "DNS:elsewhere.test")
        self._signed("expired", self.right_names, "-startdate", "20200101000000Z", "-enddate", "20200201000000Z")
        self._self_signed("self-signed", "/CN=localhost", f"subjectAltName={self.right_names}")

    def context(self, name):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        return context

    def _openssl(self, *arguments):
        done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"openssl {arguments[0]}: {done.stderr}")

    def _key_arguments(self, name):
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-keyout", self.folder / f"{name}.key"]

    def _self_signed(self, name, subject, extension):
        self._openssl("req", "-x509", *self._key_arguments(name), "-out", self.folder / f"{name}.pem",
                      "-subj", subject, "-days", "3650", "-addext", extension)

    def _signed(self, name, names, *period):
        request = self.folder / f"{name}.csr"
        self._openssl("req", "-new", *self._key_arguments(name), "-out", request, "-subj", "/CN=server",
                      "-addext", f"subjectAltName={names}")
        self._openssl("ca", "-batch", "-notext", "-config", self.folder / "ca.conf", "-in", request,
                      "-out", self.folder / f"{name}.pem", *(period or ("-days", "3650")))
