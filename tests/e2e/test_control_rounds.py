#!/usr/bin/python3
"""Control in the middle of SWAG rounds and of daisy chains (FedDC), over real HTTP and across kill -9: what was accepted stays
accepted, and everybody is told again what is waited for."""

import unittest

from people import ControlTest


class SwagRounds(ControlTest):
    def collecting(self, *people, **options):
        training = self.training(*people, uncertainty="SWAG", **options)
        for value, person in enumerate(people or (self.one, self.two)):
            self.assert_sent(training.update(person, value))
        training.until(phase="collecting")
        return training

    def test_moments_that_come_in_a_pause_are_averaged_after_it(self):
        training = self.collecting()
        self.assert_done(training.does("pause"), "Training paused!")
        self.assert_sent(training.moments(self.one, 1))
        self.assert_sent(training.moments(self.two, 3))
        self.server.kill()
        self.server.start()
        self.assertEqual((training.status()["phase"], training.shown()["state"]), ("collecting", "S"))
        self.assert_done(training.does("resume"), "Training resumed!")
        training.until(phase="testing", state="O")
        for person in (self.one, self.two):
            training.test(person)
        training.until(state="C")

    def test_the_missing_are_asked_for_their_moments_again(self):
        training = self.collecting()
        self.two.is_told("SWAG_ROUND_START", training)
        self.assert_sent(training.moments(self.one, 1))
        training.does("pause")
        self.assert_done(training.does("resume"), "Training resumed!")
        self.two.is_told("SWAG_ROUND_START", training)
        self.assert_awaits(training, self.two)

    def test_it_is_averaged_without_who_leaves(self):
        training = self.collecting()
        self.assert_sent(training.moments(self.one, 1))
        self.assert_done(training.does("leave", by=self.two), "You left the training!")
        training.until(phase="testing")

    def test_a_cancelled_one_takes_no_moments(self):
        training = self.collecting()
        self.assert_done(training.does("cancel"), "Training cancelled!")
        refused = training.moments(self.one, 1)
        self.assertEqual((refused.status_code, refused.json()), (400, [f"Training with ID {training.id} is in state E"]))
        self.assertIn("cancelled", refused.headers["X-Fedlog-Hint"])

    def test_after_an_error_it_goes_on_with_the_moments_that_are_there(self):
        training = self.collecting(round_deadline_s=3)
        self.assert_sent(training.moments(self.one, 1))
        failed = training.until(state="E")
        self.assertEqual((failed["phase"], failed["waits_for"]), ("collecting", "resume"))
        self.assert_done(training.does("resume"), "Training resumed!")
        self.assert_sent(training.moments(self.two, 3))
        training.until(phase="testing", state="O")


class DaisyChains(ControlTest):
    def passed_on(self, rounds=2, **options):
        """In the second round of a period of two: each goes on with one of the local models."""
        training = self.training(method="FedDC", rounds=rounds, daisy_chain_period=2, **options)
        self.assert_sent(training.update(self.one, 1))
        self.assert_sent(training.update(self.two, 3))
        given = {}
        for person in (self.one, self.two):
            while (body := person.is_told("UPDATE_ROUND_START", training)["body"])["round"] != 1:
                pass
            given[person] = body["global_model_uuid"]
        self.assertNotIn(training.model, given.values())
        return training, given

    def test_a_pause_and_a_kill_in_the_middle_change_nothing_of_who_goes_on_with_what(self):
        training, given = self.passed_on()
        self.assert_done(training.does("pause"), "Training paused!")
        self.assert_sent(training.update(self.one, 5, 1, model=given[self.one]))
        self.server.kill()
        self.server.start()
        self.assert_done(training.does("resume"), "Training resumed!")
        again = self.two.is_told("UPDATE_ROUND_START", training)["body"]
        self.assertEqual((again["round"], again["global_model_uuid"]), (1, given[self.two]))
        self.assertEqual(training.update(self.two, 7, 1, model=given[self.one]).status_code, 404)
        self.assert_sent(training.update(self.two, 7, 1, model=given[self.two]))
        training.until(phase="testing")
        self.assertEqual(training.weight(), 6)

    def test_who_leaves_takes_its_part_of_the_chain_along(self):
        training, given = self.passed_on()
        self.assert_done(training.does("leave", by=self.two), "You left the training!")
        self.assertEqual(training.update(self.two, 7, 1).status_code, 403)
        self.assert_sent(training.update(self.one, 5, 1))
        training.until(phase="testing")
        self.assertEqual((training.weight(), training.shown()["participants"]), (5, [self.one.id]))

    def test_after_a_deadline_it_is_resumed_in_the_same_round_of_the_chain(self):
        training, given = self.passed_on(round_deadline_s=3)
        self.assert_sent(training.update(self.one, 5, 1, model=given[self.one]))
        training.until(state="E")
        self.assert_done(training.does("resume"), "Training resumed!")
        self.assert_awaits(training, self.two)
        self.assert_sent(training.update(self.two, 7, 1, model=given[self.two]))
        training.until(phase="testing")
        self.assertEqual(training.weight(), 6)


if __name__ == "__main__":
    unittest.main()
