#!/usr/bin/python3
"""Lists at the real server: whole and in pages, ordered, searched, filtered, and what is refused."""

import socket
import unittest
import urllib.parse

from fedlog_server import Server

import requests
from digits import make_model
from fedlog_client import Api

USERS = 45


class Lists(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(Server(environment={"FEDLOG_SUPERUSER": "root:rootpw"}))
        api = Api(cls.server.url)
        for number in range(USERS):
            more = {"last_name": "Müller" if number % 10 == 3 else "Hopper", "actor": number == 0, "client": number % 2 == 1}
            user = api.register(f"user{number:02}", "secret", "http://127.0.0.1:9/", **more)
            if number == 0:
                cls.api = Api(cls.server.url, user["token"])
            if number == 1:
                cls.client = user["id"]
        for name in ("clinics", "Labs", "archives"):
            cls.api.call("POST", "/api/groups/", json={"name": name})
        fields = {"name": "digits", "description": "64-32-10 network"}
        file = {"model_file": ("digits.pt", make_model())}
        cls.model = cls.api.call("POST", "/api/models/", data=fields, files=file).json()["model_id"]
        for method in ("FedAvg", "FedProx", "FedAvg"):
            training = {"model_id": cls.model, "target_num_updates": 1, "aggregation_method": method, "clients": [cls.client]}
            cls.training = cls.api.call("POST", "/api/trainings/", json=training).json()["training_id"]
        cls.api.call("POST", f"/api/trainings/{cls.training}/start/")

    def get(self, path):
        return self.api.call("GET", path).json()

    def names(self, query):
        rows = self.get("/api/users/" + query)
        return [row["username"] for row in (rows["results"] if isinstance(rows, dict) else rows)]

    def refused(self, path):
        answer = requests.get(self.server.url + path, headers=self.api.headers)
        self.assertEqual(answer.status_code, 400, answer.text)
        return answer.json()

    def test_the_links_lead_through_all_pages_and_back(self):
        everyone = self.names("")
        self.assertEqual(len(everyone), USERS + 1)  # and the superuser
        for more in ("", "&ordering=-username", "&search=user,http&client=false", "&last_name=M%C3%BCller"):
            found, url = [], f"{self.server.url}/api/users/?limit=7{more}"
            while url:
                page = requests.get(url, headers=self.api.headers).json()
                found += [row["username"] for row in page["results"]]
                last, url = url, page["next"]
            self.assertEqual(page["count"], len(found), more)
            if not more:
                self.assertEqual(found, everyone)
            while page["previous"]:
                self.assertTrue(page["previous"].startswith(self.server.url), page["previous"])
                last, page = page["previous"], requests.get(page["previous"], headers=self.api.headers).json()
            self.assertNotIn("offset", urllib.parse.parse_qs(urllib.parse.urlsplit(last).query))

    def test_users_are_ordered_searched_and_filtered(self):
        self.assertEqual(self.names("?ordering=-username&limit=2"), ["user44", "user43"])
        self.assertEqual(self.names("?ordering=last_name,-username&client=true&limit=1"), ["user41"])
        self.assertEqual(self.names("?search=MÜLLER user1"), ["user13"])
        self.assertEqual(self.names("?actor=true"), ["user00"])
        self.assertEqual(self.names(f"?id={self.client}"), ["user01"])

    def test_groups_models_and_trainings_too(self):
        groups = requests.get(self.server.url + "/api/groups/?ordering=name&limit=2", auth=("root", "rootpw")).json()
        self.assertEqual([group["name"] for group in groups["results"]], ["Labs", "archives"])
        models = self.get("/api/models/")
        self.assertEqual([model["id"] for model in models], [model["id"] for model in self.get("/api/models/?name=digits")])
        self.assertEqual(len(models), 3)  # two are copies
        self.assertEqual(self.get("/api/models/?limit=1&offset=1")["results"], models[1:2])
        self.assertEqual([training["id"] for training in self.get("/api/trainings/?state=O")], [self.training])
        self.assertEqual(len(self.get("/api/trainings/?aggregation_method=FedAvg&state=I")), 1)
        last = self.get("/api/users/trainings/?ordering=-last_update&limit=1")
        self.assertEqual((last["count"], last["results"][0]["id"]), (3, self.training))
        self.assertEqual(self.get(f"/api/trainings/{self.training}/models/?limit=5")["count"], 1)

    def test_metrics_of_a_model(self):
        path = f"/api/models/{self.model}/metrics/"
        for step in range(3):
            metrics = {"metric_names": ["loss", " f1_score"], "metric_values": [str(1 / (step + 1)), str(step / 3)]}
            self.api.call("POST", path, data=metrics)
        rows = self.get(path)
        self.assertEqual([row["key"] for row in rows], ["loss", " f1_score"] * 3)
        self.assertEqual([row["value_float"] for row in rows[::2]], [1.0, 0.5, 1 / 3])
        self.assertEqual(self.get(path + "?limit=2&offset=3")["results"], rows[3:5])
        self.assertEqual(self.get(path[:-1] + "?key=loss&ordering=value_float")[0], rows[4])
        self.assertEqual(len(self.get(path + "?key=%20f1_score")), 3)

    def test_what_a_list_does_not_know_is_named(self):
        self.assertIn("colour", self.refused("/api/users/?colour=red"))
        self.assertIn("'colour'", self.refused("/api/users/?ordering=colour")["ordering"][0])
        self.assertIn("state", self.refused("/api/trainings/?state=X"))
        self.assertIn("id", self.refused("/api/models/?id=first"))
        self.assertIn("search", self.refused("/api/users/?search=" + "+".join("abcdefghijklmnopq")))

    def test_pages_that_make_no_sense_are_the_first_of_the_usual_size(self):
        page = self.get("/api/users/?limit=many&offset=-3")
        self.assertEqual((page["count"], len(page["results"]), page["previous"]), (USERS + 1, USERS + 1, None))
        beyond = self.get("/api/users/?limit=10&offset=100000000000000000000")
        self.assertEqual((beyond["count"], beyond["results"], beyond["next"]), (USERS + 1, [], None))

    def test_an_old_client_without_host_gets_relative_links(self):
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=30) as connection:
            head = f"GET /api/users/?limit=1 HTTP/1.0\r\nAuthorization: {self.api.headers['Authorization']}\r\n\r\n"
            connection.sendall(head.encode())
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        self.assertIn(b'"next":"/api/users/?limit=1&offset=1"', answer)


if __name__ == "__main__":
    unittest.main()
