#!/usr/bin/python3
"""The files of what is deleted are gone from the data folder, and none that something needs: whatever is uploaded at the same
moment, and whenever the server is killed."""

import io
import random
import threading
import time
import unittest

from fedlog_server import PATIENCE_S, Server

import digits  # of examples/, which fedlog_server puts on the path
import requests
import torch
from fedlog_client import Api, ApiError


def content(number):
    file = io.BytesIO()
    torch.save({"weight": torch.full((4,), float(number))}, file)
    return file.getvalue()


class FreedFiles(unittest.TestCase):
    def setUp(self):
        torch.set_num_threads(1)
        self.server = self.enterContext(Server())
        token = Api(self.server.url).register("owner", "a password", "http://127.0.0.1:9/")["token"]
        self.api = Api(self.server.url, token)

    def upload(self, file):
        fields = {"name": "model", "description": ""}
        return self.api.call("POST", "/api/models/", data=fields, files={"model_file": ("m.pt", file)}).json()["model_id"]

    def delete(self, model):
        self.api.call("DELETE", f"/api/models/{model}/")

    def download(self, model):
        return self.api.call("GET", f"/api/models/{model}/").content

    def files(self):
        return sorted(path for path in (self.server.data / "blobs").glob("*/*"))

    def wait_for_files(self, count):
        deadline = time.monotonic() + PATIENCE_S
        while len(self.files()) != count:
            self.assertLess(time.monotonic(), deadline, self.files())
            time.sleep(0.02)

    def assert_sound(self):
        report = self.server.tool("verify", "--contents")
        self.assertIn("sound\n", report)
        return report

    def test_a_models_file_goes_with_it_and_comes_again_with_the_next(self):
        model = self.upload(content(1))
        self.assertEqual(len(self.files()), 1)
        self.delete(model)
        self.wait_for_files(0)
        self.assert_sound()
        self.assertEqual(self.download(self.upload(content(1))), content(1))
        self.assertEqual(len(self.files()), 1)

    def test_a_file_of_two_models_stays_for_the_other_one(self):
        one, two = self.upload(content(1)), self.upload(content(1))
        self.delete(one)
        self.delete(self.upload(content(2)))
        self.wait_for_files(1)
        self.assertEqual(self.download(two), content(1))

    def test_a_trainings_whole_course_goes_with_it_and_the_model_stays(self):
        with digits.participants(self.server.url, 3) as (clients, users):
            owner = digits.Owner(self.server.url)
            model = owner.upload(digits.make_model())
            training = owner.create_training(model, users, 1)
            owner.start(training)
            progress = digits.Progress(owner, training, clients, timeout_s=120)
            progress.wait_until(lambda: owner.state(training) == "C")
        self.assertEqual(len(self.files()), 5)  # as uploaded, three updates, their mean
        final = owner.download(model)
        owner.api.call("DELETE", f"/api/trainings/{training}/")
        self.wait_for_files(2)  # what the model was uploaded as is part of its own story
        self.assertEqual(owner.download(model), final)
        owner.api.call("DELETE", f"/api/models/{model}/")
        self.wait_for_files(0)
        self.assert_sound()

    def test_whatever_is_uploaded_while_the_same_is_deleted(self):
        """Each thread uploads one of two contents and deletes it, again and again."""
        failures = []

        def work(number):
            chance = random.Random(number)
            try:
                for _ in range(40):
                    file = content(chance.randrange(2))
                    model = self.upload(file)
                    if self.download(model) != file:
                        failures.append("another file came back")
                    self.delete(model)
            except (ApiError, requests.RequestException) as failure:
                failures.append(failure)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [], self.server.words())
        self.wait_for_files(0)
        self.assert_sound()

    def test_whenever_the_server_is_killed(self):
        chance = random.Random(1)
        kept = [self.upload(content(0)), self.upload(content(1))]
        for kill in range(6):
            doomed = [self.upload(content(number)) for number in range(4) for _ in range(2)]
            killer = threading.Timer(chance.random() / 50, self.server.kill)
            killer.start()
            for model in doomed:
                try:
                    requests.delete(self.server.url + f"/api/models/{model}/", headers=self.api.headers, timeout=10)
                except requests.RequestException:
                    break  # killed
            killer.join()
            self.assert_sound()
            self.server.start()
            for model in doomed:
                try:
                    self.download(model)
                    self.delete(model)
                except ApiError as gone:
                    self.assertEqual(gone.status, 400)
            with self.subTest(kill=kill):
                self.wait_for_files(2)
                self.assertEqual([self.download(model) for model in kept], [content(0), content(1)])
                self.assert_sound()

    def test_what_was_left_over_goes_at_the_start(self):
        model = self.upload(content(1))
        self.server.kill()
        place = self.server.data / "blobs/ab" / ("ab" * 32)
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(b"left over")
        (self.server.data / "tmp/blob-of-a-crash").write_bytes(b"half")
        self.assertIn("1 that nothing needs", self.assert_sound())
        self.server.start()
        self.wait_for_files(1)
        self.assertEqual(list((self.server.data / "tmp").iterdir()), [])
        self.assertEqual(self.download(model), content(1))


if __name__ == "__main__":
    unittest.main()
