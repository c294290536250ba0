#!/usr/bin/python3
"""TLS from the configuration: keep-alive, large files both ways, a new certificate by SIGHUP, and what is wrong with one."""

import contextlib
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import unittest

from fedlog_server import PATIENCE_S, Server, free_port

import requests


def make_certificate(folder, name):
    """A self-signed certificate for 127.0.0.1, and its key."""
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"]
    command += ["-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key


def safetensors(size_bytes):
    """A model file of one layer of zeros."""
    count = size_bytes // 4
    header = f'{{"w":{{"dtype":"F32","shape":[{count}],"data_offsets":[0,{count * 4}]}}}}'.encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + bytes(count * 4)


class TlsServer(Server):
    def __init__(self, certificate, key):
        text = f'[tls]\ncertificate = "{certificate}"\nkey = "{key}"\n'
        super().__init__(text, {"FEDLOG_SUPERUSER": "root:rootpw"})
        self.certificate = certificate

    @property
    def url(self):
        return f"https://127.0.0.1:{self.port}"

    def answers(self):
        try:
            return requests.get(self.url + "/api/users/myself/", verify=self.certificate, timeout=5).status_code == 401
        except requests.RequestException:
            return False

    def shown_certificate(self):
        return ssl.get_server_certificate(("127.0.0.1", self.port)).split()


class Tls(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="fedlog-tls-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.certificate, self.key = make_certificate(self.folder, "first")

    def await_words(self, server, words):
        deadline = time.monotonic() + PATIENCE_S
        while words not in server.words():
            self.assertLess(time.monotonic(), deadline, server.words())
            time.sleep(0.02)

    def test_a_session_keeps_its_connection_for_large_uploads_and_downloads(self):
        with TlsServer(self.certificate, self.key) as server, requests.Session() as session:
            # Variables of the environment would win over the session's certificate.
            session.trust_env, session.verify, session.auth = False, str(self.certificate), ("root", "rootpw")
            model = safetensors(20 * 1024 * 1024)
            fields = {"name": "m", "description": "zeros"}
            for _ in range(3):
                uploaded = session.post(server.url + "/api/models/", data=fields, files={"model_file": ("m", model)})
                self.assertEqual(uploaded.status_code, 201, uploaded.text)
                identifier = uploaded.json()["model_id"]
                self.assertEqual(session.get(f"{server.url}/api/models/{identifier}/").content, model)
            self.assertEqual(session.get(server.url + "/api/users/myself/").json()["username"], "root")

    def test_other_versions_and_plain_http_are_refused(self):
        with TlsServer(self.certificate, self.key) as server:
            with socket.create_connection(("127.0.0.1", server.port)) as plain:
                plain.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
                with contextlib.suppress(ConnectionResetError):
                    self.assertNotIn(b"200 OK", plain.recv(1000))
            context = ssl.create_default_context(cafile=self.certificate)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            with socket.create_connection(("127.0.0.1", server.port)) as old:
                with context.wrap_socket(old, server_hostname="127.0.0.1") as secured:
                    self.assertEqual(secured.version(), "TLSv1.2")

    def test_sighup_shows_the_new_certificate_unless_it_is_broken(self):
        with TlsServer(self.certificate, self.key) as server:
            before = server.shown_certificate()
            self.assertEqual(before, self.certificate.read_text().split())
            new_certificate, new_key = make_certificate(self.folder, "second")
            shutil.copy(new_certificate, self.certificate)
            server.process.send_signal(signal.SIGHUP)
            self.await_words(server, "the old certificate stays in use")
            self.assertIn("tls.key: ", server.words())
            self.assertEqual(server.shown_certificate(), before)
            shutil.copy(new_key, self.key)
            server.process.send_signal(signal.SIGHUP)
            self.await_words(server, "certificate reloaded")
            self.assertEqual(server.shown_certificate(), new_certificate.read_text().split())
            self.assertTrue(server.answers())
            self.assertEqual(server.stop(), 0)

    def test_a_start_with_bad_files_names_the_setting(self):
        with Server() as server:
            _, other_key = make_certificate(self.folder, "other")
            cases = [
                (self.folder / "none.crt", self.key, "tls.certificate: cannot read"),
                (self.certificate, self.folder / "none.key", "tls.key: cannot read"),
                (self.certificate, other_key, "is not the key of the first certificate"),
                (self.certificate, "", "tls.key is missing"),
            ]
            for certificate, key, words in cases:
                file = server.folder / "bad.toml"
                file.write_text(f'[tls]\ncertificate = "{certificate}"\nkey = "{key}"\n')
                code, said = server.run_another(data=server.folder / "other", port=free_port(), configuration=file)
                self.assertNotEqual(code, 0, said)
                self.assertIn(words, said)


if __name__ == "__main__":
    unittest.main()
