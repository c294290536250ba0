#!/usr/bin/python3
"""The web front end's calls out of a real browser: a page from another origin makes them with fetch(), so the browser asks
for permission first where it has to, and the page may look at the answers only if the server's headers allow it.

Needs Debian's chromium (tools/install-packages browser-tests).
"""

import base64
import html
import http.server
import json
import re
import threading
import unittest

from browser import CHROMIUM, look_at
from fedlog_server import Server
from model_files import linear

import requests

# What the front end does, in its order; what came of it becomes the page's text.
PAGE = """<!DOCTYPE html>
<meta charset="utf-8">
<pre id="report">nothing yet</pre>
<script>
const api = SERVER + "/api/";
const basic = btoa(unescape(encodeURIComponent("öwner:pässword")));
const report = {origin: location.origin};
async function call(method, path, body, authorization = "Basic " + basic) {
  const headers = {"Authorization": authorization, "Accept": "application/json, text/plain, */*"};
  if (body !== undefined && !(body instanceof FormData)) {
    headers["Content-Type"] = "application/json";
    body = JSON.stringify(body);
  }
  const answer = await fetch(api + path, {method, headers, body});
  const kind = answer.headers.get("Content-Type") || "";
  const value = kind.startsWith("application/json") ? await answer.json() : (await answer.arrayBuffer()).byteLength;
  return {status: answer.status, value, url: answer.url};
}
async function work() {
  report.myself = await call("GET", "users/myself/");
  report.users = await call("GET", "users/");
  report.user = await call("GET", "users/" + report.myself.value.id + "/");
  const form = new FormData();
  for (const [name, value] of [["name", "linear"], ["description", "two"], ["input_shape", "None"], ["input_shape", "2"]]) {
    form.append(name, value);
  }
  form.append("model_file", new Blob([Uint8Array.from(atob(FILE), (letter) => letter.charCodeAt(0))]), "model.pt");
  report.upload = await call("POST", "models/", form);
  const model = report.upload.value.model_id;
  report.models = await call("GET", "models/");
  report.file = await call("GET", "models/" + model + "/");
  report.metadata = await call("GET", "models/" + model + "/metadata/");
  report.metrics = await call("GET", "models/" + model + "/metrics");
  report.create = await call("POST", "trainings/", {
    model_id: model, target_num_updates: 2, metric_names: ["accuracy", " f1_score"], uncertainty_method: "NONE",
    aggregation_method: "FedAvg", clients: [PARTICIPANT]});
  const training = report.create.value.training_id;
  report.trainings = await call("GET", "trainings/");
  report.training = await call("GET", "trainings/" + training + "/");
  report.start = await call("POST", "trainings/" + training + "/start/", {});
  report.running = await call("GET", "trainings/" + training + "/");
  report.remove = await call("DELETE", "trainings/" + training + "/");
  report.refused = await call("GET", "users/myself/", undefined, "Basic " + btoa("nobody:guess"));
  report.unknown = await call("GET", "models/abc/metadata/");
}
work().catch((failure) => { report.failure = String(failure); })
  .finally(() => { document.getElementById("report").textContent = JSON.stringify(report); });
</script>
"""


class FrontEnd:
    """A web server of its own, and so another origin than the API's. It serves `page`, whatever is asked for."""

    def __init__(self):
        front_end = self
        self.page = ""

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.end_headers()
                self.wfile.write(front_end.page.encode())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def register(server, username, **fields):
    fields = {"username": username, "password": "pässword", "message_endpoint": "http://127.0.0.1:9/", **fields}
    answer = requests.post(server.url + "/api/users/", json=fields, timeout=60)
    assert answer.status_code == 201, answer.text
    return answer.json()


@unittest.skipUnless(CHROMIUM, "there is no chromium here")
class InABrowser(unittest.TestCase):
    def report_of(self, configuration=""):
        """What the page reports of a fresh server, and the user that it signs in as; ORIGIN in the configuration is the
        page's."""
        with FrontEnd() as front_end, Server(configuration.replace("ORIGIN", front_end.origin)) as server:
            owner = register(server, "öwner", actor=True)
            participant = register(server, "participant", client=True)
            file = base64.b64encode(linear()).decode()
            front_end.page = PAGE
            for name, value in (("SERVER", server.url), ("FILE", file), ("PARTICIPANT", participant["id"])):
                front_end.page = front_end.page.replace(name, json.dumps(value), 1)
            text, _ = look_at(front_end.origin + "/")
        found = re.search('<pre id="report">({.*?)</pre>', text, re.DOTALL)
        self.assertTrue(found, text[-2000:])
        report = json.loads(html.unescape(found.group(1)))
        self.assertEqual(report.pop("origin"), front_end.origin)
        return report, owner

    def test_every_call_works_from_another_origin(self):
        report, owner = self.report_of()
        self.assertNotIn("failure", report)
        statuses = {name: made["status"] for name, made in report.items()}
        expected = {"upload": 201, "create": 201, "start": 202, "refused": 401, "unknown": 400}
        self.assertEqual(statuses, {name: expected.get(name, 200) for name in report})
        self.assertEqual(report["myself"]["value"]["id"], owner["id"])
        self.assertEqual(report["user"]["value"]["token"], owner["token"])
        self.assertEqual([user["username"] for user in report["users"]["value"]], ["öwner", "participant"])
        self.assertEqual(report["file"]["value"], len(linear()))
        self.assertEqual(report["metadata"]["value"]["input_shape"], [None, 2])
        # Asked for without the slash.
        self.assertTrue(report["metrics"]["url"].endswith("/metrics/"), report["metrics"])
        self.assertEqual(report["metrics"]["value"], [])
        self.assertEqual([each["state"] for each in report["trainings"]["value"]], ["I"])
        self.assertEqual(report["running"]["value"]["state"], "O")

    def test_a_server_may_allow_this_origin_alone(self):
        report, _ = self.report_of('[cors]\nallowed_origins = ["ORIGIN"]\n')
        self.assertNotIn("failure", report)
        self.assertEqual(report["remove"]["status"], 200)

    def test_the_browser_keeps_other_origins_out(self):
        report, _ = self.report_of('[cors]\nallowed_origins = ["https://fl.example.org"]\n')
        self.assertIn("Failed to fetch", report["failure"])
        self.assertEqual(list(report), ["failure"])


if __name__ == "__main__":
    unittest.main()
