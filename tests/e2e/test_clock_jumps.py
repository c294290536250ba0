"""Somebody sets the clock of the machine while trainings wait for their deadlines. libfaketime is that somebody."""

import glob
import json
import unittest

from fedlog_server import Server
from people import Person, Training

FAKETIME = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
DAY_S = 86_400
# One update is enough; where a slow machine lets even that come too late, it is waited for again.
SHORT = {"round_deadline_s": 2, "min_updates": 1, "max_rounds_without_quorum": 30}


@unittest.skipUnless(FAKETIME, "libfaketime is not installed (Debian's package faketime)")
class ClockJumps(unittest.TestCase):
    def setUp(self):
        self.server = Server()
        self.addCleanup(self.server.__exit__)
        self.clock = self.server.folder / "clock"
        self.set_clock(0)
        self.server.environment = {
            "LD_PRELOAD": FAKETIME[0],
            "FAKETIME_TIMESTAMP_FILE": str(self.clock),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",  # nobody can set that one
        }
        self.server.start()
        self.owner, self.ada, self.bob = (Person(self.server, name) for name in ("owner", "ada", "bob"))
        for person in (self.owner, self.ada, self.bob):
            self.addCleanup(person.inbox.close)

    def set_clock(self, ahead_s):
        self.clock.write_text(f"{ahead_s:+d}s\n")

    def training(self, **options):
        training = Training(self.owner, [self.ada, self.bob], **options)
        self.ada.is_told("UPDATE_ROUND_START", training)
        return training

    def finish(self, training, people):
        for person in people:
            self.assertEqual(training.update(person, 1.0).status_code, 201)
        self.ada.is_told("MODEL_TEST_ROUND", training)
        for person in (self.ada, self.bob):
            training.test(person)
        training.until(state="C")

    def events(self, training):
        lines = self.server.tool("log", f"training/{training.id}", "--json").splitlines()
        return [json.loads(line) for line in lines]

    def count(self, training, kind):
        return sum(event["type"] == kind for event in self.events(training))

    def test_a_clock_that_is_put_forward_ends_no_wait_of_a_server_that_runs(self):
        training = self.training(round_deadline_s=3600)
        self.set_clock(DAY_S)
        self.finish(training, [self.ada, self.bob])
        self.assertEqual(self.count(training, "DeadlinePassed"), 0)
        times = [event["time"] for event in self.events(training)]
        self.assertEqual(times, sorted(times))
        self.assertNotEqual(times[0][:10], times[-1][:10], "the log tells when the clock said that it happened")

    def test_a_clock_that_is_put_back_makes_no_wait_longer(self):
        training = self.training(**SHORT)
        self.set_clock(-DAY_S)
        self.finish(training, [self.ada])
        self.assertGreaterEqual(self.count(training, "DeadlinePassed"), 1)

    def test_a_clock_that_is_put_back_while_the_server_is_down_costs_one_deadline_at_most(self):
        training = self.training(**SHORT)
        self.server.kill()
        self.set_clock(-DAY_S)
        self.server.start()
        self.finish(training, [self.ada])
        self.assertGreaterEqual(self.count(training, "DeadlinePassed"), 1)

    def test_a_deadline_that_passed_by_the_clock_while_the_server_was_down_comes_at_once(self):
        training = self.training(round_deadline_s=3600)
        self.server.kill()
        self.set_clock(DAY_S)
        self.server.start()
        self.assertIn("The deadline passed", training.until(state="E")["reason"])

    def test_the_log_is_sound_after_all_that(self):
        training = self.training()
        for ahead_s in (DAY_S, -DAY_S, 0):
            self.set_clock(ahead_s)
            self.finish(training, [self.ada, self.bob])
            self.server.kill()
            self.server.start()
            self.assertIn("sound", self.server.tool("verify"))
            training = self.training()


if __name__ == "__main__":
    unittest.main()
