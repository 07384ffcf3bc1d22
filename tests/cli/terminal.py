#!/usr/bin/env python3
"""Runs a command whose stderr is a terminal, and checks the line that shows its progress.

    terminal.py COLUMNS MOST|none PROGRAM ARGUMENT...

COLUMNS is the terminal's width. Each state of the line must fit into it, and MOST is a pattern that at least one
of them must match; with none there must be no such line. What is written to stdout is dropped.
"""
import fcntl
import os
import pty
import re
import struct
import sys
import termios

columns, pattern, command = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
controller, terminal = pty.openpty()
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
child = os.fork()
if child == 0:
    os.close(controller)
    os.dup2(os.open("/dev/null", os.O_WRONLY), 1)
    os.dup2(terminal, 2)
    os.execv(command[0], command)
os.close(terminal)
written = b""
while True:
    try:
        part = os.read(controller, 65536)
    except OSError:
        break
    if not part:
        break
    written += part
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
states = re.findall(r"\r\x1b\[K((?:net|epoch) [^\r\n]*)", written.decode())
if status:
    sys.exit(f"exit code {status}: {written!r}")
if pattern == "none":
    sys.exit(f"there is a line: {states[0]}" if states else 0)
if not states:
    sys.exit("there is no line")
for state in states:
    if len(state) >= columns:
        sys.exit(f"{len(state)} columns of {columns}: {state}")
if not any(re.search(pattern, state) for state in states):
    sys.exit(f"no line has {pattern}: {states[-1]}")
