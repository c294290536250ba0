#!/usr/bin/python3
"""Plants each fault that check_house.py must find, in a small house that is in order otherwise."""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "tools"))
from check_house import House  # noqa: E402

IN_ORDER = {
    ".gitignore": "/build/\n__pycache__/\n",
    "README.md": "| folder | what |\n|---|---|\n| `actors/` | a |\n| `domain/` | d |\n| [`storage/`](x) | s |\n| `tests/` | t |\n",
    "build/anything.h": "#include <nowhere/to_be_found.h>\n",
    "domain/training.h": "#pragma once\n#include <string>\n",
    "storage/journal.h": '#pragma once\n#include <nlohmann/json.hpp>\n#include "domain/training.h"\n',
    "storage/rocks.h": "#pragma once\n#include <rocksdb/db.h>\n",
    "storage/journal.cpp": '#include "storage/journal.h"\n#include <sys/mman.h>\n#include "storage/rocks.h"\n',
    "actors/training.cpp": '#include <caf/all.hpp>\n#include "storage/journal.h"\n',
    "tests/storage/journal_test.cpp": '#include <gtest/gtest.h>\n#include <rocksdb/db.h>\n#include "storage/rocks.h"\n',
}


class CheckHouse(unittest.TestCase):
    def faults(self, changes):
        with tempfile.TemporaryDirectory() as root:
            for name, content in {**IN_ORDER, **changes}.items():
                path = pathlib.Path(root, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(content)
            return House(root).check()

    def assert_only_fault(self, changes, start, text):
        faults = self.faults(changes)
        self.assertEqual(len(faults), 1, faults)
        self.assertTrue(faults[0].startswith(start + ": "), faults[0])
        self.assertIn(text, faults[0])

    def test_a_house_in_order_has_no_faults(self):
        self.assertEqual(self.faults({}), [])

    def test_a_lower_folder_may_not_include_a_higher_one(self):
        self.assert_only_fault(
            {"domain/user.h": '#pragma once\n\n#include "storage/journal.h"\n'}, "domain/user.h:3", "may not include"
        )

    def test_of_some_folders_only_single_headers_may_be_included(self):
        http = {
            "README.md": IN_ORDER["README.md"] + "| `http/` | h |\n",
            "storage/views.h": "#pragma once\n",
            "http/models.cpp": '#include "storage/views.h"\n',
        }
        self.assertEqual(self.faults(http), [])
        self.assert_only_fault({**http, "http/users.cpp": '#include "storage/journal.h"\n'}, "http/users.cpp:1", "may not")

    def test_a_library_stays_in_its_folders(self):
        self.assert_only_fault({"actors/a.cpp": "#include <rocksdb/db.h>\n"}, "actors/a.cpp:1", "belongs in storage only")
        self.assert_only_fault({"domain/a.cpp": "#include <nlohmann/json.hpp>\n"}, "domain/a.cpp:1", "belongs in")

    def test_a_header_does_not_bring_a_library_to_another_folder(self):
        self.assert_only_fault(
            {
                "storage/between.h": '#pragma once\n#include "storage/rocks.h"\n',
                "actors/a.cpp": '#include "storage/between.h"\n',
            },
            "actors/a.cpp:1",
            "brings <rocksdb/db.h> to another folder, through storage/rocks.h",
        )

    def test_headers_that_include_each_other_are_walked_once(self):
        self.assertEqual(
            self.faults(
                {
                    "storage/one.h": '#pragma once\n#include "storage/two.h"\n',
                    "storage/two.h": '#pragma once\n#include "storage/one.h"\n',
                    "actors/a.cpp": '#include "storage/one.h"\n',
                }
            ),
            [],
        )

    def test_an_unknown_library_is_a_fault(self):
        self.assert_only_fault({"actors/a.cpp": "#include <boost/asio.hpp>\n"}, "actors/a.cpp:1", "of no library")

    def test_a_header_is_named_from_the_root(self):
        self.assert_only_fault({"storage/a.cpp": '#include "journal.h"\n'}, "storage/a.cpp:1", "no header of ours")

    def test_the_domain_does_no_io(self):
        self.assert_only_fault({"domain/a.cpp": "#include <fstream>\n"}, "domain/a.cpp:1", "no I/O")
        self.assert_only_fault({"domain/a.cpp": "#include <unistd.h>\n"}, "domain/a.cpp:1", "no I/O")

    def test_a_header_has_pragma_once(self):
        self.assert_only_fault({"storage/a.h": "\n"}, "storage/a.h", "#pragma once")

    def test_a_file_is_small(self):
        self.assert_only_fault({"storage/a.cpp": "\n" * 401}, "storage/a.cpp", "401 lines")
        self.assertEqual(self.faults({"storage/a.cpp": "\n" * 400}), [])

    def test_readme_has_a_row_for_each_folder(self):
        self.assert_only_fault({"examples/a.py": ""}, "README.md", "0 rows for `examples/`")

    def test_readme_has_one_row_for_each_folder(self):
        twice = IN_ORDER["README.md"] + "| `actors/` | again |\n"
        self.assert_only_fault({"README.md": twice}, "README.md", "2 rows for `actors/`")

    def test_readme_has_no_row_for_a_folder_that_is_not_there(self):
        more = IN_ORDER["README.md"] + "| `gone/` | g |\n"
        self.assert_only_fault({"README.md": more}, "README.md", "a row for `gone/`")


if __name__ == "__main__":
    unittest.main()
