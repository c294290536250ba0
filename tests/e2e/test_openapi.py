#!/usr/bin/python3
"""The API description of a running server: a valid OpenAPI 3.0 document that tells the truth.

Validated with the schema of the OpenAPI Initiative (Debian's openapi-specification) and python3-jsonschema. The recorded
exchanges, where there are any (FEDLOG_CONFORMANCE), are answers that the description must know.
"""

import copy
import json
import os
import pathlib
import re
import unittest

import jsonschema
import requests
import yaml

from fedlog_server import ROOT, Server

OFFICIAL = pathlib.Path("/usr/share/openapi-specification/schemas/v3.0/schema.json")
RECORDED = pathlib.Path(os.environ.get("FEDLOG_CONFORMANCE", ROOT / "../shared/api")) / "recorded"
ROOT_USER = ("root", "rootpw")


def faults_of(document):
    """What the official schema finds wrong."""
    validator = jsonschema.Draft4Validator(json.loads(OFFICIAL.read_text()))
    return [f"{'/'.join(map(str, error.absolute_path))}: {error.message[:300]}" for error in validator.iter_errors(document)]


def as_json_schema(node):
    """OpenAPI 3.0's `nullable` as JSON Schema has it."""
    if isinstance(node, list):
        return [as_json_schema(item) for item in node]
    if not isinstance(node, dict):
        return node
    result = {name: as_json_schema(value) for name, value in node.items()}
    if result.pop("nullable", False) is True:
        return {"anyOf": [result, {"enum": [None]}]}
    return result


class Examples:
    """Checks values against schemas of the document."""

    def __init__(self, document):
        self.schemas = as_json_schema(document)

    def faults(self, schema, value):
        resolver = jsonschema.RefResolver("", self.schemas)
        validator = jsonschema.Draft4Validator(as_json_schema(schema), resolver=resolver)
        return [error.message[:300] for error in validator.iter_errors(value)]


def calls_of(document):
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method.upper(), operation


def resolved(document, node):
    while "$ref" in node:
        target = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def examples_in(document, node, where=""):
    """(where, schema, example) of every example, wherever a schema or a media type has one."""
    if isinstance(node, list):
        for index, item in enumerate(node):
            yield from examples_in(document, item, f"{where}/{index}")
    if not isinstance(node, dict):
        return
    is_holder = isinstance(node.get("schema"), dict)
    schema = node["schema"] if is_holder else node
    if "example" in node and (is_holder or "type" in node or "enum" in node or "anyOf" in node):
        yield where, schema, node["example"]
    for name, example in node.get("examples", {}).items() if is_holder else []:
        yield f"{where}/{name}", schema, example["value"]
    for name, value in node.items():
        if name not in ("example", "examples", "default"):
            yield from examples_in(document, value, f"{where}/{name}")


class Description(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(environment={"FEDLOG_SUPERUSER": ":".join(ROOT_USER)})
        cls.server.__enter__()
        cls.addClassCleanup(cls.server.__exit__)
        answer = requests.get(cls.server.url + "/api/schema/?format=json", timeout=60)
        cls.document = answer.json()

    def test_it_is_valid_and_the_validator_would_tell(self):
        self.assertEqual(faults_of(self.document), [])
        broken = copy.deepcopy(self.document)
        del broken["paths"]["/api/users/{user_id}/"]["get"]["parameters"][0]["in"]
        self.assertNotEqual(faults_of(broken), [])

    def test_yaml_says_the_same(self):
        text = requests.get(self.server.url + "/api/schema/", timeout=60).text
        self.assertEqual(yaml.safe_load(text), self.document)

    def test_every_call_answers_as_it_is_described(self):
        for path, method, operation in calls_of(self.document):
            parameters = [resolved(self.document, each) for each in operation.get("parameters", [])]
            url = path
            for each in parameters:
                if each["in"] == "path":
                    url = url.replace("{" + each["name"] + "}", str(each["example"]))
            answer = requests.request(method, self.server.url + url, auth=ROOT_USER, json={}, timeout=60)
            with self.subTest(f"{method} {path}"):
                self.assertNotIn(answer.status_code, (404, 405), answer.text[:300])
                self.assertIn(str(answer.status_code), operation["responses"], answer.text[:300])

    def test_calls_need_credentials_where_it_says_so(self):
        for path, method, operation in calls_of(self.document):
            url = self.server.url + re.sub(r"{[^}]*}", "1", path)
            answer = requests.request(method, url, json={}, timeout=60)
            with self.subTest(f"{method} {path}"):
                self.assertEqual(answer.status_code == 401, {} not in operation.get("security", []), answer.text[:300])

    def test_every_example_fits_its_schema(self):
        examples = Examples(self.document)
        found = list(examples_in(self.document, self.document))
        self.assertGreater(len(found), 200)
        for where, schema, example in found:
            with self.subTest(where):
                self.assertEqual(examples.faults(schema, example), [])

    @unittest.skipUnless(RECORDED.is_dir(), f"there are no recorded exchanges at {RECORDED}")
    def test_it_knows_the_recorded_answers(self):
        # Literal paths first, as the router has it.
        paths = sorted(self.document["paths"], key=lambda path: path.count("{"))
        templates = [(re.compile(re.sub(r"{[^}]*}", "[^/]+", path) + "$"), path) for path in paths]
        examples = Examples(self.document)
        checked = 0
        for file in sorted(RECORDED.glob("*.json")):
            for step in json.loads(file.read_text()):
                request = step.get("request", {})
                answer = step.get("instead") or step.get("response", {})
                asked = request.get("path", "").split("?")[0]
                path = next((known for template, known in templates if template.match(asked)), None)
                method = request.get("method", "").lower()
                if path is None or method not in self.document["paths"][path] or answer.get("status") == 405:
                    continue
                with self.subTest(f"{file.stem}: {step['name']}"):
                    responses = self.document["paths"][path][method]["responses"]
                    self.assertIn(str(answer["status"]), responses)
                    content = resolved(self.document, responses[str(answer["status"])]).get("content", {})
                    body = answer.get("body")
                    if answer["status"] >= 400 and isinstance(body, (dict, list)):
                        self.assertEqual(examples.faults(content["application/json"]["schema"], body), [])
                    checked += 1
        self.assertGreater(checked, 100)


if __name__ == "__main__":
    unittest.main()
