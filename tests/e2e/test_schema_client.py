#!/usr/bin/python3
"""A stranger's client, made at run time of nothing but /api/schema/: it registers, uploads, trains and predicts, and every
answer is as the description says, to the field."""

import io
import unittest
import uuid

from fedlog_server import PATIENCE_S, Server
from model_files import linear, scripted

import torch
from schema_client import Description, Receiver, SchemaClient, Undescribed

ROUNDS = 2


class Stranger:
    """Somebody with an account and an endpoint."""

    def __init__(self, server, **fields):
        anybody = SchemaClient(server)
        self.receiver = Receiver(anybody.description)
        example = anybody.example("post_users")
        registration = {**example, "username": f"stranger-{uuid.uuid4()}", "message_endpoint": self.receiver.endpoint}
        self.user = anybody.call("post_users", {**registration, **fields}).value
        self.api = anybody.with_token(self.user["token"])

    def work(self):
        """Does what notifications ask for, as the description explains them, until the training is over."""
        kinds = []
        while not kinds or kinds[-1] not in ("TRAINING_FINISHED", "CLIENT_REMOVED"):
            notification = self.receiver.notifications.get(timeout=PATIENCE_S)
            kinds.append(notification["notification_type"])
            model, training = notification["body"]["global_model_uuid"], notification["training_uuid"]
            if kinds[-1] == "UPDATE_ROUND_START":
                self.update(model, notification["body"]["round"])
            elif kinds[-1] == "MODEL_TEST_ROUND":
                self.api.call("post_models_model_id_metrics", self.api.example("post_models_model_id_metrics"), model_id=model)
            state = self.api.call("get_trainings_training_id", training_id=training).value
            assert self.user["id"] in state["participants"], state
        return kinds

    def update(self, model, round_number):
        module = torch.jit.load(io.BytesIO(self.api.call("get_models_model_id", model_id=model).content))
        with torch.no_grad():
            module.bias += 1
        fields = {"round": round_number, "sample_size": 10, "metric_names": ["loss"], "metric_values": [0.5]}
        self.api.call("post_models_model_id", fields, {"model_file": scripted(module)}, model_id=model)


class AStrangersClient(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        torch.set_num_threads(1)
        cls.server = cls.enterClassContext(Server(environment={"FEDLOG_SUPERUSER": "root:rootpw"}))
        cls.root = SchemaClient(cls.server.url).with_password("root", "rootpw")

    def group_of(self, api, user, media_type=None):
        """A new group that the user is a member of: its number."""
        group = api.call("post_groups", {"name": f"group {uuid.uuid4()}"}, media_type=media_type).value["id"]
        self.root.call("post_groups_group_id_members", {"users": [user["id"]]}, media_type=media_type, group_id=group)
        return group

    def stranger(self, **fields):
        stranger = Stranger(self.server.url, **fields)
        self.addCleanup(stranger.receiver.close)
        return stranger

    def upload(self, stranger):
        fields = stranger.api.example("post_models")
        fields["input_shape"] = ["None", 3]
        return stranger.api.call("post_models", fields, {"model_file": linear(3, 2)}).value["model_id"]

    def test_trains_and_predicts(self):
        owner, participant = self.stranger(actor=True), self.stranger(client=True)
        model = self.upload(owner)
        example = owner.api.example("post_trainings")
        fields = {
            **{name: example[name] for name in ("target_num_updates", "aggregation_method")},
            "model_id": model,
            "target_num_updates": ROUNDS,
            "clients": [participant.user["id"]],
        }
        training = owner.api.call("post_trainings", fields).value["training_id"]
        owner.api.call("post_trainings_training_id_start", training_id=training)
        kinds = participant.work()
        self.assertEqual(
            kinds, ["TRAINING_START", *ROUNDS * ["UPDATE_ROUND_START", "MODEL_TEST_ROUND"], "TRAINING_FINISHED"]
        )
        self.assertEqual(owner.receiver.notifications.get(timeout=PATIENCE_S)["notification_type"], "TRAINING_FINISHED")
        for stranger in (owner, participant):
            self.assertEqual(stranger.receiver.failures, [])

        state = owner.api.call("get_trainings_training_id", training_id=training).value
        self.assertEqual((state["state"], state["model"]), ("C", model))
        metrics = owner.api.call("get_models_model_id_metrics", model_id=model).value
        self.assertEqual({row["reporter"] for row in metrics}, {participant.user["id"]})
        self.assertEqual(owner.api.call("get_models_model_id_metadata", model_id=model).value["round"], ROUNDS)
        prediction = participant.api.call(
            "post_inference", {**participant.api.example("post_inference"), "model_id": model, "model_input": [[1, 2, 3]]}
        )
        self.assertEqual(prediction.value, {"inference": [0], "uncertainty": {}})

    def test_reads_whatever_there_is_to_read(self):
        owner = self.stranger()
        model = self.upload(owner)
        training = owner.api.call(
            "post_trainings", {"model_id": model, "target_num_updates": 1, "aggregation_method": "FedAvg"}
        ).value["training_id"]
        group = self.group_of(owner.api, owner.user)
        known = {"user_id": owner.user["id"], "model_id": model, "training_id": training, "group_id": group}
        read = []
        for name, (path, method, operation) in owner.api.description.calls.items():
            if method != "GET" or path.startswith(("/api/schema", "/api/dummy")):
                continue
            needed = [each["name"] for each in map(owner.api.description.resolved, operation.get("parameters", []))]
            values = {each: known[each] for each in needed if each in known}
            with self.subTest(name):
                # What else than success there may be: a list that only superusers see, a file that is not there.
                expected = {"get_groups": 403, "get_models_model_id_preprocessing": 404}.get(name, 200)
                owner.api.call(name, expect=expected, **values)
                read.append(name)
                if "limit" in needed and expected == 200:
                    page = owner.api.call(name, limit=1, **values).value
                    self.assertLessEqual(set(page), {"count", "next", "previous", "results"})
        self.assertGreater(len(read), 12)

    def test_sends_every_body_in_every_form_that_is_offered(self):
        for media_type in ("application/json", "application/x-www-form-urlencoded", "multipart/form-data"):
            with self.subTest(media_type):
                anybody = SchemaClient(self.server.url)
                fields = {**anybody.example("post_users"), "username": f"form-{uuid.uuid4()}", "actor": True}
                user = anybody.call("post_users", fields, media_type=media_type).value
                self.assertTrue(user["actor"])
                api = anybody.with_token(user["token"])
                group, name = self.group_of(api, user, media_type), f"group {uuid.uuid4()}"
                changed = api.call("put_groups_group_id", {"name": name}, media_type=media_type, group_id=group).value
                self.assertEqual(changed["name"], name)
                model = self.upload(self.owner_of(api, user))
                metrics = {"metric_names": ["a", "b"], "metric_values": [1, "x"]}
                api.call("post_models_model_id_metrics", metrics, media_type=media_type, model_id=model)
                rows = api.call("get_models_model_id_metrics", model_id=model).value
                self.assertEqual([(row["key"], row["value_float"]) for row in rows], [("a", 1.0), ("b", None)])
                training = {
                    "model_id": model,
                    "target_num_updates": 3,
                    "aggregation_method": "FedAvg",
                    "options": {"uncertainty": {"N": 3}},
                    "clients": [user["id"]],
                }
                made = api.call("post_trainings", training, media_type=media_type).value["training_id"]
                state = api.call("get_trainings_training_id", training_id=made).value
                self.assertEqual((state["options"], state["participants"]), ({"uncertainty": {"N": 3}}, [user["id"]]))
                api.call("delete_groups_group_id", group_id=group)

    @staticmethod
    def owner_of(api, user):
        owner = Stranger.__new__(Stranger)
        owner.api, owner.user = api, user
        return owner

    def test_is_refused_as_it_is_told(self):
        stranger, other = self.stranger(), self.stranger()
        model, nobody = self.upload(stranger), str(uuid.uuid4())
        anybody = SchemaClient(self.server.url)
        anybody.call("get_users_myself", expect=401)
        stranger.api.call("get_users_user_id", user_id=nobody, expect=400)
        stranger.api.call("get_models_model_id", model_id=nobody, expect=400)
        stranger.api.call("post_users", {**stranger.api.example("post_users"), "username": stranger.user["username"]}, expect=400)
        other.api.call("delete_models_model_id", model_id=model, expect=403)
        other.api.call("get_models_model_id", model_id=model, expect=403)
        stranger.api.call("post_trainings_training_id_start", training_id=nobody, expect=400)
        etag = stranger.api.call("get_models_model_id", model_id=model).headers["ETag"]
        stranger.api.call("get_models_model_id", model_id=model, expect=304, **{"If-None-Match": etag})
        part = stranger.api.call("get_models_model_id", model_id=model, expect=206, Range="bytes=0-3")
        self.assertEqual(part.content, b"PK\x03\x04")
        stranger.api.call("get_models_model_id", model_id=model, expect=416, Range="bytes=999999999-")

    def test_would_notice_what_is_not_described(self):
        document = SchemaClient(self.server.url).description.document
        description = Description(document)
        user = {"$ref": "#/components/schemas/User"}
        good = dict(document["components"]["schemas"]["User"].get("example") or self.stranger().user)
        good.pop("token", None)
        self.assertEqual(description.faults(user, good), [])
        for wrong in ({**good, "secret": 1}, {**good, "id": "abc"}, {**good, "actor": "yes"}, {}):
            self.assertNotEqual(description.faults(user, wrong), [], wrong)
        stranger = self.stranger()
        with self.assertRaises(Undescribed):
            stranger.api.call("get_users", colour="red")
        with self.assertRaises(Undescribed):
            stranger.api.call("post_groups", {"nom": "x"})
        del stranger.api.description.calls["get_users_myself"][2]["responses"]["200"]
        with self.assertRaises(Undescribed):
            stranger.api.call("get_users_myself")


if __name__ == "__main__":
    unittest.main()
