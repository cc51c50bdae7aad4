"""nginx before a server of the tests, with TLS and a certificate of its own."""

import re
import shutil
import socket
import ssl
import subprocess
from pathlib import Path
from typing import Final

from tests.certificates import make_certificates
from tests.ports import free_port
from tests.waiting import wait_for

PROGRAM: Final = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")

_CONFIGURATION = """
daemon off;
worker_processes 1;
pid {directory}/pid;
error_log {directory}/log;
events {{}}
http {{
  access_log off;
  client_body_buffer_size 4m;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  {server}
}}
"""

_DEFAULTS = """
server {
  listen 443 ssl;
  ssl_certificate /server.pem;
  ssl_certificate_key /server.pem;
  location / { proxy_pass http://127.0.0.1:3004; }
}
"""


class Nginx:
    """nginx on a free port.

    :param directory: for its files.
    :param upstream: the URL of the server behind it.
    :param server: its block of a server, in which the port, the certificate and the upstream are replaced.
    """

    def __init__(self, directory: Path, upstream: str, *, server: str = _DEFAULTS) -> None:
        certificates = make_certificates(directory)
        self.certificates: ssl.SSLContext = certificates.client
        self._port = free_port()
        self._log = directory / "log"
        configuration = directory / "nginx.conf"
        configuration.write_text(
            _CONFIGURATION.format(directory=directory, server=self._here(server, certificates.server_file, upstream))
        )
        self._process = subprocess.Popen(
            [str(PROGRAM), "-p", directory, "-c", configuration], stderr=subprocess.DEVNULL
        )
        wait_for(self._answers, what="nginx's start")

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self._port}"

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()

    def _here(self, server: str, certificate: Path, upstream: str) -> str:
        """Return the block of a server as it runs here."""
        with_files = re.sub(r"(ssl_certificate(?:_key)?) \S+;", rf"\1 {certificate};", server)
        with_port = with_files.replace("listen 443 ssl;", f"listen 127.0.0.1:{self._port} ssl;")
        return with_port.replace("http://127.0.0.1:3004", upstream)

    def _answers(self) -> bool:
        assert self._process.poll() is None, self._log.read_text()
        with socket.socket() as door:
            return door.connect_ex(("127.0.0.1", self._port)) == 0
