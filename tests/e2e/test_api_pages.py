#!/usr/bin/python3
"""Swagger UI and ReDoc in a real browser: they show the API, and ask no host but the server for anything.

Needs Debian's chromium (tools/install-packages browser-tests), and the pages' files in build/api-pages, or in the folder that
FEDLOG_API_PAGES names (tools/fetch-api-pages FOLDER).
"""

import http.server
import os
import pathlib
import threading
import unittest
import urllib.parse

import requests

from browser import CHROMIUM, look_at
from fedlog_server import ROOT, Server

PAGES = pathlib.Path(os.environ.get("FEDLOG_API_PAGES", ROOT / "build/api-pages"))


def foreign(urls, url):
    own = urllib.parse.urlsplit(url).netloc
    parts = [urllib.parse.urlsplit(each) for each in urls]
    return [part.geturl() for part in parts if part.scheme not in ("data", "blob") and part.netloc != own]


class PageThatAsksElsewhere(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b'<!DOCTYPE html><p>here</p><img src="http://elsewhere.example/picture.png">')

    def log_message(self, *_):
        pass


@unittest.skipUnless(CHROMIUM, "there is no chromium here")
class Browser(unittest.TestCase):
    def test_a_page_that_asks_another_host_would_be_seen(self):
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), PageThatAsksElsewhere) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            url = f"http://127.0.0.1:{server.server_port}/"
            page, asked = look_at(url)
            server.shutdown()
        self.assertIn("here", page)
        self.assertEqual(foreign(asked, url), ["http://elsewhere.example/picture.png"])

    def test_without_the_files_the_page_is_the_servers_own(self):
        with Server() as server:
            url = server.url + "/api/schema/swagger-ui/"
            page, asked = look_at(url)
            self.assertTrue("Create a training" in page, page[-500:])
            self.assertEqual(foreign(asked, url), [])

    @unittest.skipUnless((PAGES / "swagger-ui-bundle.js").is_file(), f"the pages' files are not in {PAGES}")
    def test_with_them_swagger_ui_and_redoc_show_the_api_and_ask_nobody_else(self):
        with Server(configuration=f'[server]\napi_pages = "{PAGES.resolve()}"\n') as server:
            for name, bundle in (("swagger-ui", "swagger-ui-bundle.js"), ("redoc", "redoc.standalone.js")):
                with self.subTest(name):
                    url = f"{server.url}/api/schema/{name}/"
                    page, asked = look_at(url)
                    self.assertTrue("Create a training" in page, page[-500:])
                    self.assertIn(f"{server.url}/api/schema/files/{bundle}", asked)
                    self.assertIn(f"{server.url}/api/schema/?format=json", asked)
                    self.assertEqual(foreign(asked, url), [])
                    self.assertIn("default-src 'self'", requests.get(url, timeout=60).headers["Content-Security-Policy"])


if __name__ == "__main__":
    unittest.main()
