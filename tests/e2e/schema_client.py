"""A client that knows nothing of the API but its description: calls, parameters, bodies and answers all come from
/api/schema/ when it is made. It refuses to send what the description does not allow, and fails on an answer that the
description does not tell of."""

import base64
import datetime
import http.server
import json
import queue
import threading
import urllib.parse
import uuid

import jsonschema
import requests


class Undescribed(AssertionError):
    """The server did what its description does not say, or the caller asks for what it does not offer."""


def formats():
    checker = jsonschema.FormatChecker(formats=())
    for name, read in (("uuid", uuid.UUID), ("date-time", datetime.datetime.fromisoformat), ("uri", urllib.parse.urlsplit)):
        checker.checks(name, raises=ValueError)(lambda value, read=read: not isinstance(value, str) or bool(read(value)))
    return checker


def as_json_schema(node):
    """OpenAPI 3.0's `nullable` as JSON Schema has it."""
    if isinstance(node, list):
        return [as_json_schema(item) for item in node]
    if not isinstance(node, dict):
        return node
    result = {name: as_json_schema(value) for name, value in node.items()}
    return {"anyOf": [result, {"enum": [None]}]} if result.pop("nullable", False) is True else result


class Description:
    def __init__(self, document):
        self.document = document
        self.schemas = as_json_schema(document)
        self.formats = formats()
        self.calls = {
            operation["operationId"]: (path, method.upper(), operation)
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
        }

    def resolved(self, node):
        while "$ref" in node:
            target = self.document
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            node = target
        return node

    def faults(self, schema, value):
        """What of the value its schema does not allow; fields that it does not name are faults, too."""
        resolver = jsonschema.RefResolver("", self.schemas)
        validator = jsonschema.Draft4Validator(as_json_schema(schema), resolver=resolver, format_checker=self.formats)
        wrong = [f"{list(error.absolute_path)}: {error.message[:300]}" for error in validator.iter_errors(value)]
        return wrong + list(self.unnamed(schema, value, ""))

    def unnamed(self, schema, value, where):
        schemas = list(self.alternatives(schema))
        if isinstance(value, list):
            for index, item in enumerate(value):
                for each in (each["items"] for each in schemas if "items" in each):
                    yield from self.unnamed(each, item, f"{where}/{index}")
        if not isinstance(value, dict) or any(each.get("additionalProperties") for each in schemas):
            return
        known = {name: each for schema in schemas for name, each in schema.get("properties", {}).items()}
        for name, item in value.items() if known else []:
            if name in known:
                yield from self.unnamed(known[name], item, f"{where}/{name}")
            else:
                yield f"{where}/{name} is described nowhere"

    def alternatives(self, schema):
        """The schema and all that it is made of."""
        schema = self.resolved(schema)
        yield schema
        for kind in ("allOf", "anyOf", "oneOf"):
            for each in schema.get(kind, []):
                yield from self.alternatives(each)


class SchemaClient:
    def __init__(self, server, authorization=None):
        self.server = server.rstrip("/")
        answer = requests.get(self.server + "/api/schema/", params={"format": "json"}, timeout=60)
        self.description = Description(answer.json())
        self.authorization = authorization

    def with_token(self, token):
        scheme = self.description.document["components"]["securitySchemes"]["tokenAuth"]
        assert (scheme["type"], scheme["in"], scheme["name"]) == ("apiKey", "header", "Authorization"), scheme
        return SchemaClient(self.server, f"Token {token}")

    def with_password(self, username, password):
        scheme = self.description.document["components"]["securitySchemes"]["basicAuth"]
        assert (scheme["type"], scheme["scheme"]) == ("http", "basic"), scheme
        return SchemaClient(self.server, "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode())

    def call(self, name, body=None, files=None, media_type=None, expect=None, **parameters):
        """Makes a described call; gives the answer, whose `value` is its JSON. `expect` is the status, by default the
        first success that is described."""
        path, method, operation = self.description.calls[name]
        url, query, headers = self.placed(path, operation, parameters)
        if self.authorization and operation.get("security") != []:
            headers["Authorization"] = self.authorization
        content = self.content(operation, body, files, media_type)
        answer = requests.request(method, self.server + url, params=query, headers=headers, timeout=60, **content)
        self.check(name, answer)
        success = min(int(status) for status in operation["responses"] if status.isdigit() and int(status) < 300)
        if answer.status_code != (expect or success):
            raise AssertionError(f"{name}: {answer.status_code} {answer.text[:500]}")
        return answer

    def placed(self, path, operation, values):
        """The parameters where each belongs: path, query, headers."""
        query, headers = {}, {}
        for each in map(self.description.resolved, operation.get("parameters", [])):
            name = each["name"]
            if name not in values:
                if each.get("required"):
                    raise Undescribed(f"{path} needs {name}")
                continue
            value = values.pop(name)
            if faults := self.description.faults(each["schema"], value):
                raise Undescribed(f"{name}={value}: {faults}")
            if each["in"] == "path":
                path = path.replace("{" + name + "}", urllib.parse.quote(str(value), safe=""))
            elif each["in"] == "query":
                query[name] = str(value).lower() if isinstance(value, bool) else value
            else:
                headers[name] = str(value)
        if values:
            raise Undescribed(f"{path} has no parameters {sorted(values)}")
        return path, query, headers

    def content(self, operation, body, files, media_type):
        """The body in the media type that was asked for, or the first that can carry it."""
        described = operation.get("requestBody", {}).get("content", {})
        if body is None and not files:
            if operation.get("requestBody", {}).get("required"):
                raise Undescribed(f"{operation['operationId']} needs a body")
            return {}
        media_type = media_type or next(kind for kind in described if not files or kind == "multipart/form-data")
        schema = described[media_type]["schema"]
        whole = {**body, **{name: "binary" for name in files or {}}}
        if faults := self.description.faults(schema, whole):
            raise Undescribed(f"{operation['operationId']}: {faults}")
        if media_type == "application/json":
            return {"json": body}
        # Lists are repeated, objects are JSON: what OpenAPI says of forms.
        fields = [
            (name, json.dumps(item) if isinstance(item, (dict, bool)) else str(item))
            for name, value in body.items()
            for item in (value if isinstance(value, list) else [value])
        ]
        if media_type == "application/x-www-form-urlencoded":
            return {"data": fields}
        parts = [(name, (None, item)) for name, item in fields]
        return {"files": parts + [(name, ("file", content)) for name, content in (files or {}).items()]}

    def check(self, name, answer):
        """Fails on what the description does not tell of the answer."""
        operation = self.description.calls[name][2]
        said = f"{name}: {answer.status_code} {answer.headers.get('Content-Type')} {answer.text[:500]!r}"
        responses = operation["responses"]
        if str(answer.status_code) not in responses:
            raise Undescribed(f"{said}: the status is not described")
        response = self.description.resolved(responses[str(answer.status_code)])
        for header, about in response.get("headers", {}).items():
            about = self.description.resolved(about)
            if header not in answer.headers and (about.get("required") or header in ("ETag", "X-Request-ID")):
                raise Undescribed(f"{said}: without {header}")
        content = response.get("content", {})
        if not content:
            if answer.content:
                raise Undescribed(f"{said}: a body is not described")
            return
        kind = answer.headers["Content-Type"].split(";")[0]
        if kind not in content:
            raise Undescribed(f"{said}: the media type is not described")
        if kind == "application/json":
            answer.value = answer.json()
            if faults := self.description.faults(content[kind]["schema"], answer.value):
                raise Undescribed(f"{said}: {faults}")

    def example(self, name, media_type="application/json"):
        """The body that the description gives as an example."""
        content = self.description.calls[name][2]["requestBody"]["content"][media_type]
        return json.loads(json.dumps(content["example"]))


class Receiver:
    """Takes what the server posts, as the callback of the registration describes it."""

    def __init__(self, description):
        self.description = description
        self.notifications = queue.Queue()
        self.failures = []
        callbacks = description.calls["post_users"][2]["callbacks"]["notification"]
        self.operation = callbacks["{$request.body#/message_endpoint}"]["post"]
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}/notifications"

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def handler(self):
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                content = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.take(self.headers, content)
                self.send_response(min(int(status) for status in receiver.operation["responses"] if status.isdigit()))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        return Handler

    def take(self, headers, content):
        described = self.operation["requestBody"]["content"]
        kind = headers["Content-Type"].split(";")[0]
        notification = json.loads(content)
        wrong = [f"it is {kind}"] if kind not in described else []
        wrong += self.description.faults(described.get(kind, {}).get("schema", {}), notification)
        for each in map(self.description.resolved, self.operation.get("parameters", [])):
            value = headers.get(each["name"])
            if value is None and each.get("required"):
                wrong.append(f"{each['name']} is missing")
            elif value is not None:
                wrong += self.description.faults(each["schema"], value)
        if wrong:
            self.failures.append((notification, wrong))
        self.notifications.put(notification)
