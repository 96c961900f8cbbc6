"""Checks the source tree against the rules of rules.py, and every rule against small trees on which it must (not) fire."""

import os
import tempfile
import unittest
from pathlib import Path

from rules import MAX_FILE_LINES, MAX_FUNCTION_LINES, RULES
from source import Tree, code_only, functions

LONG_BODY = "  f();\n" * (MAX_FUNCTION_LINES - 1)
FULL_BODY = "  f();\n" * (MAX_FUNCTION_LINES - 2)
SCRIPT = "#!/usr/bin/env bash\n"

TABLE = {"bosen/bosen.h": '#pragma once\n#include "bosen/table.h"\n'}  # makes bosen/table.h public

# Rule -> files on which it must fire, as {path: text}. One tree each: the rule must find exactly one thing in it.
VIOLATIONS = {
    "include_edges": [
        {"bosen/base/a.h": '#include "bosen/core/b.h"\n'},
        {"bosen/core/a.h": '#include "bosen/net/transport.h"\n'},
        {"bosen/core/a.h": "#include <bosen/net/transport.h>\n"},
        {"bosen/core/a.cc": '#include "bosen/wire/codec.h"\n'},
        {"bosen/net/zmq/a.cc": '#include "bosen/core/a.h"\n'},
        {"bosen/runtime/a.h": '#include "bosen/table.h"\n', "bosen/table.h": "", **TABLE},
        {"bosen/table.h": '#include "bosen/runtime/a.h"\n', **TABLE},
        {"bosen/table.h": '#include "bosen/row.h"\n', "bosen/row.h": '#include "bosen/core/a.h"\n', **TABLE},
        {"bosen/cli/a.cc": '#include "bosen/runtime/a.h"\n'},
        {"apps/mlr/a.cc": '#include "bosen/app_internal.h"\n'},
        {"apps/mlr/a.cc": '#include "bosen/base/error.h"\n'},
        {"poseidon/net.h": '#include "apps/mlr/a.h"\n'},
        {"bosen/base/a.cc": '#include "a.h"\n'},
        {"bosen/base/a.cc": '#include "../base/a.h"\n'},
        {"bosen/newcomer/a.cc": "int a;\n"},
    ],
    "public_headers_show_no_library": [
        {"bosen/table.h": "#pragma once\n#include <zmq.h>\n", **TABLE},
        {"bosen/table.h": "#pragma once\n#include <CLI/CLI.hpp>\n", **TABLE},
    ],
    "vendor_headers": [
        {"bosen/net/tcp/a.cc": "#include <zmq.hpp>\n"},
        {"bosen/core/a.cc": "#include <leveldb/db.h>\n"},
        {"bosen/runtime/a.cc": "#include <event2/event.h>\n"},
        {"apps/mlr/main.cc": "#include <CLI/CLI.hpp>\n"},
        {"bosen/launch/a.cc": "#include <yaml-cpp/yaml.h>\n"},
        {"poseidon/backend/cpu/a.cc": "#include <cuda_runtime.h>\n"},
        {"poseidon/layers/a.cc": "#include <cublas_v2.h>\n"},
        {"bosen/core/a.cc": "/* the\n fast one */\n  #  include <isa-l.h>\n"},
    ],
    "short_functions": [
        {"bosen/a.cc": "int f() {\n" + LONG_BODY + "}\n"},
        {"bosen/a.h": "class A {\n  A() : a_{1}, b_(2) {\n" + LONG_BODY + "}\n};\n"},
        {"bosen/a.cc": "TEST(A, B) {\n" + LONG_BODY + "}\n"},
        {"bosen/a.cc": "template <class T>\nauto A<T>::f() const noexcept -> std::vector<T> {\n" + LONG_BODY + "}\n"},
        {"bosen/a.cc": "struct stat f() {\n" + LONG_BODY + "}\n"},
        {"bosen/a.cc": "const char* k = \"{\";  // {\nconstexpr char c = '{';\nvoid f() {\n" + LONG_BODY + "}\n"},
        {"bosen/a.cc": "void f() {\n  g([&] {\n" + LONG_BODY + "  });\n}\n"},
        {"bosen/a.cc": "bool operator==(const A& a, const A& b) {\n" + LONG_BODY + "}\n"},
        {"bosen/a.cc": "void f(int a = 1, B b = {}) {\n" + LONG_BODY + "}\n"},
    ],
    "short_files": [
        {"bosen/a.cc": "\n" * (MAX_FILE_LINES + 1)},
        {"scripts/a.py": "\n" * (MAX_FILE_LINES + 1)},
    ],
    "headers_guarded_once": [
        {"bosen/a.h": "// What it is for.\n#pragma once\n"},
        {"tests/support/a.h": "#ifndef A\n#define A\n#endif\n"},
    ],
    "own_header_first": [
        {"bosen/a.h": "", "bosen/a.cc": '#include <vector>\n\n#include "bosen/a.h"\n'},
        {"apps/mf/a.h": "", "apps/mf/a.cc": "int a;\n"},
    ],
    "no_sleeping": [
        {"bosen/net/a.cc": "void f() { std::this_thread::sleep_for(1ms); }\n"},
        {"tests/unit/core/a_test.cc": "void f() { usleep(10); }\n"},
        {"tests/sim/a_test.cc": "void f() { ::sleep(1); }\n"},
        {"tests/integration/a_test.py": "time.sleep(1)\n"},
    ],
    "environment_in_one_place": [
        {"bosen/core/a.cc": 'auto a = std::getenv("A");\n'},
        {"apps/mf/a.cc": 'auto a = getenv("A");\n'},
    ],
    "links_lead_somewhere": [
        {"README.md": "[guide](docs/guide.md)\n"},
        {"docs/a.md": "![figure](../a.png)\n"},
        {"docs/a.md": "# One\n[two](#two)\n"},
        {"docs/a.md": "[there](b.md#gone)\n", "docs/b.md": "# Here\n"},
    ],
    "scripts_run": [
        {"scripts/a": SCRIPT + "echo\n"},
        {"scripts/a.sh": "echo\n"},
        {"scripts/x": SCRIPT + "if true; then\n"},
    ],
    "no_forbidden_words": [
        {"docs/a.md": "See issue #12.\n"},
        {"scripts/a": "cd /work/main\n"},
        {"bosen/a.cc": "// TODO: later\n"},
    ],
    "tidy_lines": [
        {"bosen/a.cc": "int a; \n"},
        {"docs/a.md": "text"},
    ],
}

# Rule -> one tree that comes close and is in order.
IN_ORDER = {
    "include_edges": {
        "bosen/core/a.cc": '#include "bosen/core/a.h"\n#include "bosen/wire/messages.h"\n// #include "bosen/net/a.h"\n',
        "bosen/table.h": '#include "bosen/base/types.h"\n#include "bosen/row.h"\n',
        "bosen/app_internal.h": '#include "bosen/launch/environment.h"\n',
        "bosen/table.cc": '#include "bosen/app_internal.h"\n#include "bosen/runtime/a.h"\n#include "bosen/table.h"\n',
        "apps/mf/main.cc": '#include "apps/mf/a.h"\n#include "bosen/bosen.h"\n',
        "bosen/bosen.h": '#include "bosen/row.h"\n#include "bosen/table.h"\n',
        "bosen/row.h": '#include "bosen/base/types.h"\n',
        "tests/unit/core/a_test.cc": '#include "bosen/runtime/a.h"\n',
    },
    "public_headers_show_no_library": {
        "bosen/table.h": "#include <initializer_list>\n#include <span>\n",
        "bosen/core/a.h": "#include <fmt/format.h>\n",
    },
    "vendor_headers": {
        "bosen/net/zmq/a.cc": "#include <zmq.h>\n",
        "bosen/base/config.cc": "#include <yaml-cpp/yaml.h>\n#include <CLI/CLI.hpp>\n",
        "bosen/core/a.cc": 'const char* a = "#include <zmq.h>";\n// #include <zmq.h>\n',
    },
    "short_functions": {
        "bosen/a.cc": "namespace bosen {\nint f() {\n" + FULL_BODY + "}\nint g() {\n" + FULL_BODY + "}\n}\n",
        "bosen/a.h": "class A {\n public:\n" + "  int f() { return 1; }\n" * 90 + "  int a_{1};\n};\n",
        "bosen/b.cc": "const std::array k = {\n" + "  f(),\n" * 90 + "};\n",
    },
    "short_files": {"bosen/a.cc": "\n" * MAX_FILE_LINES, "docs/a.md": "\n" * 1000},
    "headers_guarded_once": {"bosen/a.h": "#pragma once\n\n// What it is for.\n"},
    "own_header_first": {
        "bosen/a.h": "",
        "bosen/a.cc": '// Why.\n\n#include "bosen/a.h"\n\n#include <vector>\n',
        "bosen/main.cc": "#include <vector>\n",
    },
    "no_sleeping": {
        "bosen/runtime/machine_platform.cc": "void f() { std::this_thread::sleep_for(1ms); }\n",
        "bosen/net/a.cc": "bool sleep_until(Time);  // nobody has to usleep(1)\n",
        "tests/integration/a_test.py": "process.wait(timeout=10)\n",
    },
    "environment_in_one_place": {"bosen/launch/environment.cc": 'auto a = std::getenv("A");\n'},
    "links_lead_somewhere": {
        "README.md": "[a](docs/a.md#two-words) [b](https://example.org/x) `[c](gone.md)`\n```\n[d](gone.md)\n```\n",
        "docs/a.md": "# One\n## `Two` words\n[up](../README.md) [here](#one)\n",
    },
    "scripts_run": {"scripts/x": SCRIPT + "if true; then echo; fi\n", "scripts/cmake/a.cmake": "set(a 1)\n"},
    "no_forbidden_words": {"docs/a.md": "An issue with 3 parts at work/ and GCC bug 105651.\n"},
    "tidy_lines": {"bosen/a.cc": "int a;\n\nint b;\n", "docs/a.md": ""},
}


def findings_in(rule, files):
    """What the rule says about a tree of these files; a script named x gets its run bit."""
    with tempfile.TemporaryDirectory() as folder:
        for path, text in files.items():
            file = Path(folder) / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
            if file.name == "x":
                file.chmod(0o755)
        return RULES[rule](Tree(folder))


class RuleTest(unittest.TestCase):
    def test_every_rule_has_examples(self):
        self.assertEqual(set(RULES), set(VIOLATIONS))
        self.assertEqual(set(RULES), set(IN_ORDER))

    def test_each_rule_fires_on_its_violations(self):
        for rule, trees in VIOLATIONS.items():
            for files in trees:
                with self.subTest(rule=rule, files=files):
                    self.assertEqual(len(findings_in(rule, files)), 1)

    def test_each_rule_leaves_what_is_in_order(self):
        for rule, files in IN_ORDER.items():
            with self.subTest(rule=rule):
                self.assertEqual(findings_in(rule, files), [])

    def test_a_finding_names_file_and_line(self):
        findings = findings_in("include_edges", {"bosen/base/a.h": '#pragma once\n\n#include "bosen/core/b.h"\n'})
        self.assertEqual(findings, ["bosen/base/a.h:3: base may not include bosen/core/b.h"])


class LexerTest(unittest.TestCase):
    def test_literals_and_comments_hide_braces(self):
        code = code_only("a(\"}\\\"{\"); b('{'); c(R\"x({)\" )x\"); d(1'000'000); // }\n/* {\n */ e;\n")
        self.assertNotRegex(code, r"[{}]")
        self.assertEqual(code.count("\n"), 3)
        self.assertIn("d(1'000'000)", code)

    def test_functions_are_found_in_classes_and_namespaces(self):
        code = "namespace a {\nstruct B {\n  int c() const { return 1; }\n  int d_{2};\n};\nenum E { kF };\nint g()\n{\n}\n}\n"
        self.assertEqual(functions(code), [(3, 3), (8, 9)])


REAL_TREE = Tree(os.environ.get("BOSEN_SOURCE", Path(__file__).resolve().parents[2]))


class ProjectTest(unittest.TestCase):
    """One test per rule on the real tree, added below."""

    def test_the_tree_is_there(self):
        self.assertGreater(len(REAL_TREE.cpp_files), 100)


def add_project_test(name, rule):
    def test(self):
        findings = rule(REAL_TREE)
        self.assertEqual(len(findings), 0, "\n" + "\n".join(findings))

    setattr(ProjectTest, f"test_{name}", test)


for rule_name, rule_function in RULES.items():
    add_project_test(rule_name, rule_function)


if __name__ == "__main__":
    unittest.main()
