"""The rules that a machine can check. A rule takes a Tree and returns findings, one line each: path:line: what is wrong."""

import os
import re
import subprocess

from source import functions, line_of

MAX_FUNCTION_LINES = 70
MAX_FILE_LINES = 450

# Who may include whom, downwards only. `public` is what bosen/bosen.h includes of bosen/*.h, `public sources` everything
# else directly in bosen/. A folder may include itself.
MAY_INCLUDE = {
    "base": set(),
    "wire": {"base"},
    "core": {"base", "wire"},
    "net": {"base", "wire"},
    "store": {"base", "wire"},
    "schedule": {"base"},
    "monitor": {"wire", "base"},
    "launch": {"base"},
    "runtime": {"core", "net", "store", "monitor", "wire", "base"},
    "public": {"base", "schedule"},
    "public sources": {"public", "base", "runtime", "sim", "monitor", "launch"},
    "sim": {"runtime", "core", "net", "wire", "base"},
    "lab": {"public", "sim", "launch", "wire", "base"},
    "cli": {"public", "sim", "lab", "launch", "monitor", "base"},
    "poseidon": {"public"},
    "apps": {"public"},
}

# What is included from these is ours, in quotes or not.
OWN_FOLDERS = {"bosen", "poseidon", "apps", "tests"}

# The core knows messages, not how they are written down.
CORE_MUST_NOT_INCLUDE = re.compile(r"bosen/wire/(codec|frame_header|checksum|byte_order)\b")

# Headers of a library, and the only places that may include them.
VENDOR_HEADERS = [
    (r"zmq", ["bosen/net/zmq/", "tests/bench/"]),
    (r"leveldb/", ["bosen/store/", "poseidon/data/"]),
    (r"(png|turbojpeg)\.h", ["poseidon/data/", "tests/unit/poseidon/data/"]),
    (r"event2/", ["bosen/monitor/"]),
    (r"CLI/", ["bosen/base/config"]),
    (r"yaml-cpp/", ["bosen/base/config", "bosen/base/spec_node"]),
    (r"spdlog/", ["bosen/base/log"]),
    (r"isa-l", ["bosen/wire/"]),
    (r"boost/context", ["bosen/sim/"]),
    (r"(cuda|cudnn|cublas|cublasLt|nccl)\w*\.h", ["poseidon/backend/cuda/"]),
    (r"(dnnl|oneapi/|cblas)", ["poseidon/backend/cpu/", "tests/bench/"]),
    (r"gtest/|gmock/", ["tests/"]),
    (r"benchmark/", ["tests/bench/"]),
]

# Waiting for time to pass: a straggler's, on purpose. Everything else waits for something, with a bound.
MAY_SLEEP = ["bosen/runtime/machine_platform.cc"]
MAY_READ_ENVIRONMENT = ["bosen/launch/", "bosen/base/", "poseidon/cli/thread_waits.cc"]

FORBIDDEN_WORDS = [
    (r"/work/", "a path of one machine"),
    (r"\.\./shared/", "a path outside the project"),
    (r"\bissues?\s+#?\d+", "an issue number says nothing here: give the reason itself"),
    (r"\b(TODO|FIXME|XXX)\b", "finish it, or leave it out"),
]


def public_headers(tree):
    """bosen/bosen.h and all that it includes directly in bosen/, however deep."""
    headers = {file.path: file for file in tree.cpp_files if re.fullmatch(r"bosen/\w+\.h", file.path)}
    reached, pending = set(), ["bosen/bosen.h"]
    while pending:
        path = pending.pop()
        if path in headers and path not in reached:
            reached.add(path)
            pending += [header for _, header, _ in headers[path].includes]
    return reached


def layer_of(path, public):
    """Key into MAY_INCLUDE of a file or header, None where the table does not speak of it."""
    parts = path.split("/")
    if parts[0] == "bosen":
        if len(parts) == 2:
            return "public" if path in public else "public sources"
        return parts[1]
    return parts[0] if parts[0] in MAY_INCLUDE else None


def include_edges(tree):
    findings = []
    public = public_headers(tree)
    for file in tree.cpp_files:
        layer = layer_of(file.path, public)
        if layer is None:
            continue
        if layer not in MAY_INCLUDE:
            findings.append(file.at(1, f"folder {layer} is not in the table of layers (tests/tidy/rules.py)"))
            continue
        for line, header, quoted in file.includes:
            if not quoted and header.split("/")[0] not in OWN_FOLDERS:
                continue
            if "/" not in header or header.startswith("."):
                findings.append(file.at(line, f'#include "{header}": write the path from the root of the repository'))
                continue
            target = layer_of(header, public)
            if target not in MAY_INCLUDE[layer] | {layer}:
                findings.append(file.at(line, f"{layer} may not include {header}"))
            elif layer == "core" and CORE_MUST_NOT_INCLUDE.match(header):
                findings.append(file.at(line, f"core may include messages only, not {header}"))
    return findings


def public_headers_show_no_library(tree):
    public = public_headers(tree)
    standard = re.compile(r"[a-z_0-9]+$")
    return [
        file.at(line, f"a public header may include bosen's and the standard library's headers only, not <{header}>")
        for file in tree.cpp_files
        if file.path in public
        for line, header, quoted in file.includes
        if not quoted and not standard.match(header)
    ]


def vendor_headers(tree):
    findings = []
    for file in tree.cpp_files:
        for line, header, _ in file.includes:
            for pattern, places in VENDOR_HEADERS:
                if re.match(pattern, header) and not file.path.startswith(tuple(places)):
                    findings.append(file.at(line, f"<{header}> may be included in {', '.join(places)} only"))
    return findings


def short_functions(tree):
    return [
        file.at(first, f"function of {last - first + 1} lines; at most {MAX_FUNCTION_LINES}")
        for file in tree.cpp_files
        for first, last in functions(file.code)
        if last - first + 1 > MAX_FUNCTION_LINES
    ]


def short_files(tree):
    findings = []
    for file in tree.files:
        lines = file.text.count("\n")
        if (file.is_cpp or file.suffix == ".py") and lines > MAX_FILE_LINES:
            findings.append(file.at(lines, f"file of {lines} lines; at most {MAX_FILE_LINES}"))
    return findings


def headers_guarded_once(tree):
    return [
        file.at(1, "a header starts with #pragma once")
        for file in tree.cpp_files
        if file.suffix == ".h" and not file.text.startswith("#pragma once\n")
    ]


def own_header_first(tree):
    """So that every header with a source is known to compile on its own."""
    findings = []
    paths = {file.path for file in tree.cpp_files}
    for file in tree.cpp_files:
        own = re.sub(r"\.cc$", ".h", file.path)
        if file.path.startswith(("bosen/", "poseidon/", "apps/")) and own != file.path and own in paths:
            first = file.includes[0] if file.includes else (1, "", False)
            if first[1] != own:
                findings.append(file.at(first[0], f'the first #include is of its own header, "{own}"'))
    return findings


def _calls(file, pattern, message):
    code = file.code if file.is_cpp else file.text
    return [file.at(line_of(code, m.start()), message) for m in re.finditer(pattern, code)]


def no_sleeping(tree):
    findings = []
    cpp_call = r"this_thread::sleep_(for|until)\b|(?<![\w.>])(u|nano)?sleep\s*\("
    for file in tree.files:
        if file.is_cpp and not file.path.startswith(tuple(MAY_SLEEP)):
            findings += _calls(file, cpp_call, "sleeps: wait for what you wait for, with a bound")
        elif file.suffix == ".py" and file.path.startswith("tests/"):
            if not file.path.startswith("tests/tidy/"):
                findings += _calls(file, r"\btime\.sleep\b", "sleeps: wait for what you wait for, with a bound")
    return findings


def environment_in_one_place(tree):
    return [
        finding
        for file in tree.cpp_files
        if not file.path.startswith((*MAY_READ_ENVIRONMENT, "tests/"))
        for finding in _calls(file, r"\b(secure_)?getenv\s*\(", f"getenv belongs into {', '.join(MAY_READ_ENVIRONMENT)}")
    ]


def _heading_anchors(text):
    anchors = set()
    for heading in re.findall(r"^#+\s+(.+?)\s*$", text, re.MULTILINE):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading.replace("`", "")).lower()
        anchors.add(re.sub(r"[^\w\- ]", "", words).replace(" ", "-"))
    return anchors


def links_lead_somewhere(tree):
    findings = []
    for file in tree.files:
        if file.suffix != ".md":
            continue
        text = re.sub(r"^(```+).*?^\1", lambda m: "\n" * m[0].count("\n"), file.text, flags=re.MULTILINE | re.DOTALL)
        text = re.sub(r"`[^`\n]*`", "", text)
        for match in re.finditer(r"\]\(\s*<?([^)\s>]+)", text):
            link = match[1]
            if re.match(r"[a-z]+:", link):
                continue
            path, _, anchor = link.partition("#")
            target = (file.absolute.parent / path) if path else file.absolute
            if not target.exists():
                findings.append(file.at(line_of(text, match.start()), f"link to {path}, which does not exist"))
            elif anchor and target.suffix == ".md" and anchor not in _heading_anchors(target.read_text()):
                findings.append(file.at(line_of(text, match.start()), f"link to {link}: there is no such heading"))
    return findings


def scripts_run(tree):
    findings = []
    for file in tree.files:
        first_line = file.text.partition("\n")[0]
        if not first_line.startswith("#!"):
            if file.path.startswith("scripts/") and file.suffix in {"", ".sh"}:
                findings.append(file.at(1, "a script starts with #!"))
            continue
        if not os.access(file.absolute, os.X_OK):
            findings.append(file.at(1, "a script needs its run bit: chmod +x"))
        if re.search(r"\b(ba)?sh\b", first_line):
            check = subprocess.run(["bash", "-n", str(file.absolute)], capture_output=True, text=True, check=False)
            if check.returncode != 0:
                findings.append(file.at(1, check.stderr.strip()))
    return findings


def no_forbidden_words(tree):
    findings = []
    for file in tree.files:
        if file.path.startswith("tests/tidy/") or file.path == "LICENSE":
            continue
        for pattern, reason in FORBIDDEN_WORDS:
            for match in re.finditer(pattern, file.text):
                findings.append(file.at(line_of(file.text, match.start()), f"'{match[0]}': {reason}"))
    return findings


def tidy_lines(tree):
    suffixes = {".h", ".cc", ".cu", ".py", ".cmake", ".yaml", ".md", ".txt", ".json", ".sh", ""}
    findings = []
    for file in tree.files:
        if file.suffix not in suffixes or file.path == "LICENSE" or file.path.startswith("tests/golden/"):
            continue
        for number, line in enumerate(file.text.split("\n"), start=1):
            if line != line.rstrip():
                findings.append(file.at(number, "space at the end of the line"))
        if file.text and not file.text.endswith("\n"):
            findings.append(file.at(file.text.count("\n") + 1, "no newline at the end of the file"))
    return findings


RULES = {
    rule.__name__: rule
    for rule in (
        include_edges,
        public_headers_show_no_library,
        vendor_headers,
        short_functions,
        short_files,
        headers_guarded_once,
        own_header_first,
        no_sleeping,
        environment_in_one_place,
        links_lead_somewhere,
        scripts_run,
        no_forbidden_words,
        tidy_lines,
    )
}
