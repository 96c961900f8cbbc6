"""The source tree as the rules see it, and just enough C++ lexing to look for things outside comments and strings."""

import os
import re
from functools import cached_property
from pathlib import Path

SKIPPED_FOLDERS = {".git", "build", "__pycache__", ".cache"}
CPP_SUFFIXES = {".h", ".cc", ".cu"}

_COMMENT = r"//(?:[^\n\\]|\\.|\\\n)*|/\*.*?\*/"
_LITERAL = (
    r'R"(?P<delimiter>[^\s()\\]*)\(.*?\)(?P=delimiter)"'
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9A-Za-z_])'(?:\\.|[^'\\\n])+'"
)
_TOKENS = re.compile(f"(?P<comment>{_COMMENT})|(?P<literal>{_LITERAL})", re.DOTALL)
_DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n\\]|\\.|\\\n)*", re.MULTILINE)


def _blank(text):
    """As many lines as `text`, and nothing on them."""
    return "\n" * text.count("\n")


def without_comments(text):
    return _TOKENS.sub(lambda m: " " + _blank(m[0]) if m["comment"] else m[0], text)


def code_only(text):
    """Without comments, the contents of literals and preprocessor directives; every line keeps its number."""
    text = _TOKENS.sub(lambda m: (" " if m["comment"] else '""') + _blank(m[0]), text)
    return _DIRECTIVE.sub(lambda m: _blank(m[0]), text)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


class File:
    def __init__(self, root, path):
        self.path = path  # relative to the root, with /
        self.absolute = root / path

    @cached_property
    def text(self):
        return self.absolute.read_text(encoding="utf-8", errors="replace")

    @cached_property
    def code(self):
        return code_only(self.text)

    @cached_property
    def includes(self):
        """(line, header, quoted?) of every #include."""
        text = without_comments(self.text)
        found = re.finditer(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', text, re.MULTILINE)
        return [(line_of(text, m.start()), m[2], m[1] == '"') for m in found]

    @property
    def suffix(self):
        return Path(self.path).suffix

    @property
    def is_cpp(self):
        return self.suffix in CPP_SUFFIXES

    def at(self, line, message):
        return f"{self.path}:{line}: {message}"


class Tree:
    """All text files below `root`, build folders left out."""

    def __init__(self, root):
        self.root = Path(root)

    @cached_property
    def files(self):
        found = []
        for folder, names, files in os.walk(self.root):
            names[:] = sorted(name for name in names if name not in SKIPPED_FOLDERS)
            found += [File(self.root, (Path(folder) / name).relative_to(self.root).as_posix()) for name in sorted(files)]
        return [file for file in found if b"\0" not in file.absolute.read_bytes()[:4096]]

    @property
    def cpp_files(self):
        return [file for file in self.files if file.is_cpp]


def functions(code):
    """(first line, last line) of every function body in code_only() text; what is nested in one belongs to it."""
    bodies = []
    head_start = 0  # of the declaration that the next { belongs to
    depth_of_head = 0  # of () and []
    position = 0
    while position < len(code):
        char = code[position]
        if char in "([":
            depth_of_head += 1
        elif char in ")]":
            depth_of_head -= 1
        elif char == "{":
            head = code[head_start:position].strip()
            if depth_of_head > 0 or _is_initializer(head):
                position = _closing_brace(code, position)
            elif _is_function(head):
                end = _closing_brace(code, position)
                bodies.append((line_of(code, position), line_of(code, end)))
                position = end
                head_start = position + 1
            else:
                head_start = position + 1
        elif char in ";}" and depth_of_head <= 0:
            head_start = position + 1
            depth_of_head = 0
        position += 1
    return bodies


def _closing_brace(code, opening):
    depth = 0
    for match in re.compile(r"[{}]").finditer(code, opening):
        depth += 1 if match[0] == "{" else -1
        if depth == 0:
            return match.start()
    return len(code) - 1


def _is_initializer(head):
    """Whether a { after `head` opens a braced value: of a variable, a member's initialiser, or after =."""
    if re.match(r"(template\b.*>\s*)?(namespace|class|struct|union|enum|extern)\b", head, re.DOTALL) and "(" not in head:
        return False
    if re.search(r"(?<![=!<>+\-*/&|^%])=(?!=)", re.sub(r"operator\s*\S+?\s*\(|\([^()]*\)|<[^<>]*>", "", head)):
        return True
    member_initialisers = re.search(r"\)\s*(?:noexcept\s*)?:(?!:)", head)
    if member_initialisers:
        return bool(re.search(r"[\w>]$", head))
    return bool(re.search(r"\w$", head)) and ")" not in head


def _is_function(head):
    if re.match(r"(template\b.*>\s*)?(namespace|class|struct|union|enum)\b", head, re.DOTALL):
        return bool(re.search(r"\w\s*\([^()]*\)\s*(const|noexcept|override|final|&|\s)*$", head)) and "alignas" not in head
    return ")" in head
