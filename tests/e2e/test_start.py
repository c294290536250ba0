#!/usr/bin/python3
"""How the server starts and ends: its first superuser, what it refuses to start with, and a clean end."""

import socket
import tempfile
import unittest

from fedlog_server import Server, free_port

import requests


class Start(unittest.TestCase):
    def test_the_first_start_creates_the_superuser_and_the_next_keeps_it(self):
        with Server(environment={"FEDLOG_SUPERUSER": "root:rootpw"}) as server:
            groups = server.url + "/api/groups/"
            self.assertEqual(requests.get(groups, auth=("root", "rootpw")).status_code, 200)
            self.assertEqual(server.stop(), 0, server.words())
            server.environment = {}
            server.start()
            self.assertEqual(requests.get(groups, auth=("root", "rootpw")).status_code, 200)
            self.assertEqual(requests.get(groups, auth=("root", "wrong")).status_code, 401)

    def test_a_second_server_does_not_touch_the_same_data(self):
        with Server() as server:
            code, words = server.run_another(port=free_port())
            self.assertNotEqual(code, 0, words)
            self.assertIn(str(server.data), words)
            self.assertTrue(server.answers())

    def test_a_second_server_does_not_take_the_same_port(self):
        with Server() as server, tempfile.TemporaryDirectory() as data:
            code, words = server.run_another(data=data)
            self.assertNotEqual(code, 0, words)
            self.assertIn(str(server.port), words)
            self.assertTrue(server.answers())

    def test_a_mistake_in_the_configuration_is_named_with_its_line(self):
        with Server() as server:
            bad = server.folder / "bad.toml"
            bad.write_text('[server]\nlisten_to = "127.0.0.1:1"\n')
            code, words = server.run_another(data=server.folder / "other", port=free_port(), configuration=bad)
            self.assertNotEqual(code, 0, words)
            self.assertIn(f'{bad}:2:1: unknown key "server.listen_to"; did you mean "server.listen"?', words)
            self.assertFalse((server.folder / "other").exists())

    def test_a_start_on_the_same_port_succeeds_right_after_a_kill_with_open_connections(self):
        with Server() as server, socket.create_connection(("127.0.0.1", server.port)):
            server.kill()
            server.start()
            self.assertTrue(server.answers())


if __name__ == "__main__":
    unittest.main()
