#!/usr/bin/env python3
"""Writes the King James Bible, a chapter a line, from Debian's packages bible-kjv and bible-kjv-text.

Usage: apps/lda/bible.py FILE.txt
"""

import re
import shutil
import subprocess
import sys


def chapters(text):
    """`text` is what the program prints: a heading for each chapter, then its verses, indented and numbered."""
    verses = []
    for line in text.splitlines():
        verse = re.match(r"\s+\d+ (.*)", line)
        if verse:
            verses.append(verse.group(1))
        elif line.strip() and verses:
            yield " ".join(verses)
            verses = []
    if verses:
        yield " ".join(verses)


def main():
    if sys.argv[1:] in (["-h"], ["--help"]):
        print(__doc__.strip())
        return
    if len(sys.argv) != 2:
        sys.exit(__doc__.strip())
    if shutil.which("bible") is None:
        sys.exit("bible.py: the program 'bible' is not installed: apt-get install bible-kjv bible-kjv-text")
    shown = subprocess.run(["bible", "-l100000", "gen1:1-rev22:21"], capture_output=True, text=True, check=True).stdout
    lines = list(chapters(shown))
    try:
        with open(sys.argv[1], "w", encoding="utf-8") as file:
            file.writelines(line + "\n" for line in lines)
    except OSError as error:
        sys.exit(f"bible.py: cannot write '{sys.argv[1]}': {error.strerror}; name another file")
    print(f"wrote {sys.argv[1]}: {len(lines)} chapters")


if __name__ == "__main__":
    main()
