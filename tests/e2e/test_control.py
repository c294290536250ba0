#!/usr/bin/python3
"""Deadlines, quorum, pauses, cancelling, leaving and joining over real HTTP: whatever people do or leave undone, a training goes
on, or says what it waits for, from whom, until when, and what happens then."""

import re
import unittest

from fedlog_server import Server

from fedlog_client import ApiError
from people import ControlTest, Person, Training, until

SPAN = re.compile(r"\((?:in )?\d+ [a-z]+(?: \d+ [a-z]+)?\)")  # "(12 s)", "(in 2 h 5 min)"


class Deadlines(ControlTest):
    def test_a_round_goes_on_without_a_silent_participant(self):
        training = self.training(round_deadline_s=2, min_updates=1, test_deadline_s=1)
        self.assert_awaits(training, self.one, self.two)
        status = training.status()
        self.assertEqual((status["waits_for"], status["phase"], status["state"]), ("updates", "updating", "O"))
        self.assertEqual((status["at_deadline"], status["needed"], status["arrived"]), ("fails", 1, 0))
        self.assertEqual(training.shown()["x_deadline"], status["deadline"])
        self.assert_sent(training.update(self.one, 3))
        training.until(state="O", phase="testing", round=1)
        self.assertEqual(training.weight(), 3, "only that update counts")
        training.until(state="C", waits_for="nothing")
        self.assertEqual(training.shown()["participants"], [self.one.id, self.two.id], "who was silent stays")
        self.assertNotIn("x_waiting_for", training.shown())
        self.assertNotIn("x_deadline", training.shown())

    def test_the_status_foretells_that_it_will_go_on(self):
        training = self.training(round_deadline_s=1000, min_updates=0.5)
        self.assert_sent(training.update(self.two, 1))
        status = training.status(to=self.one)
        self.assertEqual(status["at_deadline"], "goes_on")
        self.assertIn("it goes on with what is there then", status["summary"])
        self.assert_awaits(training, self.one)
        self.assert_done(training.does("cancel"), "Training cancelled!")

    def test_without_enough_updates_it_fails_and_is_finished_by_the_late_one(self):
        training = self.training(round_deadline_s=2)
        self.assert_sent(training.update(self.one, 2))
        failed = training.until(state="E")
        shown = training.shown()
        self.assertIn("1 of 2 participants had not sent an update for round 0", shown["x_reason"])
        self.assertEqual((failed["reason"], failed["waits_for"]), (shown["x_reason"], "resume"))
        self.assertIn("Resume it", failed["advice"])
        self.assertEqual([each["participant"] for each in failed["awaited"]], [self.two.id])
        for person in (self.owner, self.one, self.two):
            body = person.is_told("TRAINING_FINISHED", training)["body"]
            self.assertEqual((body["x_state"], body["x_reason"]), ("E", shown["x_reason"]))

        def late():
            # On a slow machine the new deadline may pass too; then it is resumed once more.
            if training.shown()["state"] == "E":
                self.assert_done(training.does("resume"), "Training resumed!")
            return training.update(self.two, 4).status_code == 201

        until(late, training.status)
        training.until(state="O", phase="testing")
        self.assertEqual(training.weight(), 3, "what was accepted before it failed still counts")
        self.finish(training)

    def finish(self, training):
        for person in (self.one, self.two):
            training.test(person)
        training.until(state="C")

    def test_it_is_finished_without_the_late_one_too(self):
        training = self.training(round_deadline_s=1)
        self.assert_sent(training.update(self.one, 2))
        training.until(state="E")
        removed = self.owner.asks("DELETE", training.path + "clients/", json={"clients": [self.two.id]})
        self.assertEqual(removed.status_code, 200, removed.text)
        self.assert_done(training.does("resume"), "Training resumed!")
        training.until(state="O", phase="testing")
        self.assertEqual(training.weight(), 2)

    def test_a_training_that_nobody_is_left_in_takes_new_participants(self):
        training = self.training(self.one)
        self.assert_done(training.does("leave", by=self.one), "You left the training!")
        self.assertEqual(training.until(state="E")["advice"], "Add participants, then resume it.")
        refused = training.does("resume")
        self.assertEqual(refused.status_code, 400, refused.text)
        self.assertIn("x_hint", refused.json())
        added = self.owner.asks("PUT", training.path + "clients/", json={"clients": [self.two.id]})
        self.assertEqual(added.status_code, 202, added.text)
        self.assert_done(training.does("resume"), "Training resumed!")
        self.two.is_told("UPDATE_ROUND_START", training)
        self.assert_sent(training.update(self.two, 5))
        training.until(phase="testing")
        self.assertEqual(training.weight(), 5)

    def test_who_is_missing_is_notified_again_as_often_as_the_owner_wants(self):
        training = self.training(self.one, round_deadline_s=1, max_rounds_without_quorum=1)
        for _ in range(2):
            self.one.is_told("UPDATE_ROUND_START", training)
        training.until(state="E")

    def test_a_training_whose_owner_wants_every_update_fails_without_one(self):
        training = self.training(round_deadline_s=1, min_updates=1, on_deadline="error")
        self.assert_sent(training.update(self.one, 1))
        self.assertIn("on_deadline", training.until(state="E")["reason"])

    def test_a_deadline_comes_even_if_the_server_was_killed_meanwhile(self):
        with Server() as server:
            owner, one = Person(server, "owner"), Person(server, "one")
            training = Training(owner, [one], round_deadline_s=2)
            before = training.shown()
            server.kill()
            offline = server.tool("why", f"training/{training.id}", "--reveal-personal")
            self.assertIn(f"for the updates of 1 of 1 participant: {one.name}.", offline)
            self.assertIn("it ends in an error", offline)
            server.start()
            if training.shown()["state"] == "O":
                self.assertEqual(training.shown()["x_deadline"], before["x_deadline"])
            training.until(state="E")
            self.assertIn("sound", server.tool("verify"))
            for person in (owner, one):
                person.inbox.close()

    def test_options_that_mean_nothing_are_refused(self):
        for options in (
            {"round_deadline_s": -1},
            {"round_deadline_s": 1.5},
            {"test_deadline_s": "soon"},
            {"min_updates": 0},
            {"min_updates": 1.5},
            {"min_updates": True},
            {"on_deadline": "shrug"},
            {"on_unreachable": None},
            {"max_rounds_without_quorum": -1},
            {"mu": -0.1},
            {"open_to_join": "yes"},
        ):
            with self.subTest(options=options), self.assertRaises(ApiError) as refused:
                self.training(start=False, **options)
            self.assertEqual(refused.exception.status, 400)
            self.assertIn(next(iter(options)), str(refused.exception))


class Control(ControlTest):
    def test_a_paused_training_takes_updates_and_does_nothing_else(self):
        paused = self.training(round_deadline_s=2)
        self.assert_done(paused.does("pause"), "Training paused!")
        self.assert_done(paused.does("pause"), "Training paused!")
        self.assertTrue(paused.shown()["x_paused"])
        self.assertNotIn("x_deadline", paused.shown())
        status = paused.status(to=self.two)
        self.assertEqual((status["waits_for"], status["paused"], status["deadline"]), ("resume", True, None))
        self.assertIn(f"when its owner, {self.owner.name}, resumes it", status["summary"])
        for person, value in ((self.one, 1), (self.two, 3)):
            self.assert_sent(paused.update(person, value))
        # The deadline of a training that began later has passed; this one's has not.
        self.training(round_deadline_s=2).until(state="E")
        shown = paused.shown()
        self.assertEqual((shown["state"], shown["locked"], shown["local_models_arrived"]), ("O", False, 2))
        self.assert_done(paused.does("resume"), "Training resumed!")
        paused.until(phase="testing", paused=False)
        self.assertEqual(paused.weight(), 2)

    def test_the_missing_are_notified_again_when_it_is_resumed(self):
        training = self.training()
        self.one.is_told("UPDATE_ROUND_START", training)
        training.does("pause")
        self.assert_done(training.does("resume"), "Training resumed!")
        self.assert_done(training.does("resume"), "Training resumed!")
        self.one.is_told("UPDATE_ROUND_START", training)

    def test_a_cancelled_training_is_over(self):
        training = self.training()
        for person in (self.one, self.stranger):
            self.assertEqual(training.does("cancel", by=person).status_code, 403)
        self.assert_done(training.does("cancel"), "Training cancelled!")
        status = training.status()
        self.assertEqual((status["state"], status["cancelled"], status["waits_for"]), ("E", True, "nothing"))
        self.assertEqual(training.shown()["x_reason"], "Cancelled by its owner.")
        for person in (self.owner, self.one):
            self.assertEqual(person.is_told("TRAINING_FINISHED", training)["body"]["x_reason"], "Cancelled by its owner.")
        for control in ("cancel", "pause", "resume"):
            answer = training.does(control)
            self.assertEqual((answer.status_code, answer.json()), (400, [f"Training with ID {training.id} is in state E"]))
            self.assertIn("cancelled", answer.headers["X-Fedlog-Hint"])
        self.assertEqual(training.update(self.one, 1).status_code, 400)

    def test_superusers_control_every_training(self):
        training = self.training(start=False)
        for control, status in (("pause", 400), ("resume", 400), ("cancel", 200)):
            self.assertEqual(self.root_asks("POST", f"{training.path}{control}/").status_code, status, control)
        self.assertEqual(training.shown()["x_reason"], "Cancelled by a superuser.")
        self.assertEqual(self.root_asks("GET", training.path + "status/").status_code, 200)

    def test_a_round_goes_on_when_the_last_who_is_awaited_leaves(self):
        training = self.training()
        self.assert_sent(training.update(self.one, 7))
        self.assert_awaits(training, self.two)
        self.assert_done(training.does("leave", by=self.two), "You left the training!")
        training.until(phase="testing")
        self.assertEqual((training.weight(), training.shown()["participants"]), (7, [self.one.id]))
        for person in (self.two, self.stranger):
            self.assertEqual(training.does("leave", by=person).status_code, 403)

    def test_others_join_where_the_owner_lets_them(self):
        closed = self.training(self.one)
        refused = closed.does("join", by=self.two)
        self.assertEqual(refused.status_code, 403)
        self.assertIn("ask its owner", refused.json()["detail"])
        training = self.training(self.one, open_to_join=True)
        self.assert_done(training.does("join", by=self.two), "You joined the training!")
        self.assert_done(training.does("join", by=self.two), "You joined the training!")
        self.assert_awaits(training, self.one, self.two)
        self.two.is_told("TRAINING_START", training)
        self.two.is_told("UPDATE_ROUND_START", training)
        for person, value in ((self.one, 1), (self.two, 3)):
            self.assert_sent(training.update(person, value))
        training.until(phase="testing")
        self.assertEqual(training.weight(), 2)

    def test_participants_of_fedprox_are_told_its_mu(self):
        training = self.training(self.one, method="FedProx", mu=0.25)
        self.assertEqual(self.one.is_told("UPDATE_ROUND_START", training)["body"]["x_mu"], 0.25)


class Explanations(ControlTest):
    def test_at_every_step(self):
        training = self.training(start=False)
        self.assertEqual(training.status()["waits_for"], "start")
        self.assertIn("waits since", training.status()["summary"])
        self.owner.api.call("POST", training.path + "start/")
        told = until(lambda: self.delivered(training, 0), training.status)
        self.assertIn("UPDATE_ROUND_START of round 0 was delivered", told["says"])
        self.assertEqual((told["last_delivery"]["outcome"], told["last_delivery"]["status"]), ("delivered", 200))
        for person in (self.one, self.two):
            self.assert_sent(training.update(person, 1))
        tests = training.until(waits_for="tests")
        self.assertEqual((tests["round"], tests["arrived"]), (1, 0))
        self.assert_awaits(training, self.one, self.two)
        training.test(self.one)
        self.assert_awaits(training, self.two)
        training.test(self.two)
        self.assertIn("completed", training.until(state="C")["summary"])

    def delivered(self, training, index):
        each = training.status()["awaited"][index]
        last = each["last_delivery"]
        return each if last and last["notification_type"] == "UPDATE_ROUND_START" else None

    def test_are_for_who_may_see_the_training(self):
        training = self.training()
        for person in (self.owner, self.one):
            self.assertEqual(training.status(to=person)["state"], "O")
        self.assertEqual(self.stranger.asks("GET", training.path + "status/").status_code, 403)

    def test_on_the_command_line_are_those_of_the_api(self):
        training = self.training(round_deadline_s=1000)
        until(lambda: self.delivered(training, 0) and self.delivered(training, 1), training.status)
        status = training.status()
        lines = self.server.tool("why", f"training/{training.id}", "--reveal-personal").splitlines()
        told = [status["summary"], *("  " + each["says"] for each in status["awaited"])]
        self.assertEqual([SPAN.sub("", line) for line in lines], [SPAN.sub("", line) for line in told])
        hidden = self.server.tool("why", f"training/{training.id}", "--json")
        self.assertNotIn(self.one.name, hidden)
        self.assertIn(self.one.id, hidden)

    def test_tell_how_far_a_delivery_is(self):
        dead = self.person("dead")
        dead.inbox.close()  # nobody listens there any more
        training = self.training(dead)

        def attempts():
            delivery = training.status()["awaited"][0].get("on_its_way", {})
            return re.search(r"(\d+) attempts? failed", delivery.get("progress", ""))

        until(attempts, training.status)
        self.assertIn("on its way", training.status()["awaited"][0]["says"])
        self.assertRegex(self.server.tool("why", f"training/{training.id}"), r"\d+ attempts? failed")

    def test_of_an_update_that_comes_too_late_tell_which_round_is_open(self):
        training = self.training(self.one, rounds=2)
        self.assert_sent(training.update(self.one, 1))
        training.until(phase="testing")
        training.test(self.one)
        training.until(phase="updating", round=1)
        late = training.update(self.one, 1, round_number=0)
        self.assertEqual(late.status_code, 400)
        self.assertEqual(late.json(), [f"Training with ID {training.id} is not currently in round 0"])
        self.assertIn("round 1 is open", late.headers["X-Fedlog-Hint"])


if __name__ == "__main__":
    unittest.main()
