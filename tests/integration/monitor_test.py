"""--monitor: what a job shows while it runs, to programs, to a browser and in a terminal."""

import json
import os
import pathlib
import pty
import re
import select
import shutil
import socket
import struct
import subprocess
import time
import unittest
import urllib.error
import urllib.request

from apps_support import BIN, BOSEN, TIMEOUT_S, AppTest

# Many more clocks than it will run, and one worker that holds all others up.
FLAGS = ["--generate", "200,150,4,8000", "--rank", "4", "--clocks", "100000000", "--workers", "2", "--straggler", "3:200",
         "--consistency", "ssp", "--staleness", "2", "--monitor", "0"]

PARSE_METRICS = """
import json, sys
from prometheus_client.parser import text_string_to_metric_families
print(json.dumps({family.name: [family.type, [[sample.labels, sample.value] for sample in family.samples]]
                  for family in text_string_to_metric_families(sys.stdin.read())}))
"""



def masked_crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def varint(data, place):
    value, shift = 0, 0
    while True:
        value |= (data[place] & 0x7F) << shift
        shift += 7
        place += 1
        if data[place - 1] < 0x80:
            return value, place


def fields(data):
    """Number and value of every field of a protocol buffer."""
    place = 0
    while place < len(data):
        key, place = varint(data, place)
        if key & 7 == 0:
            value, place = varint(data, place)
        else:
            size = 8 if key & 7 == 1 else 4
            if key & 7 == 2:
                size, place = varint(data, place)
            value, place = data[place:place + size], place + size
        yield key >> 3, value


def scalars(data):
    """(step, tag, value) of every scalar of an event file, whose checksums must be right."""
    place = 0
    while place < len(data):
        length, length_crc = struct.unpack_from("<QI", data, place)
        event = data[place + 12:place + 12 + length]
        assert length_crc == masked_crc32c(data[place:place + 8])
        assert struct.unpack_from("<I", data, place + 12 + length)[0] == masked_crc32c(event)
        place += 16 + length
        event = dict(fields(event))
        for _, value in fields(event.get(5, b"")):
            value = dict(fields(value))
            yield event[2], value[1].decode(), struct.unpack("<f", value[2])[0]


class MonitorTest(AppTest):
    def start(self, *further):
        """A job of two processes that runs until the test ends; the address at which it shows itself."""
        job = subprocess.Popen([BOSEN, "run", "-n", "2", "--", str(BIN / "mf"), *FLAGS, *further], stderr=subprocess.PIPE, text=True)
        self.addCleanup(job.stderr.close)
        self.addCleanup(job.wait)
        self.addCleanup(job.terminate)
        for line in job.stderr:
            found = re.search(r"live view at http://(127\.0\.0\.1:\d+)/", line)
            if found:
                return found.group(1)
        self.fail("the job does not say where it shows itself")

    def get(self, address, path):
        with urllib.request.urlopen(f"http://{address}{path}", timeout=TIMEOUT_S) as response:
            return response.read().decode()

    def until(self, address, wanted):
        """The first status of which `wanted` is true."""
        deadline = time.monotonic() + TIMEOUT_S
        while time.monotonic() < deadline:
            status = json.loads(self.get(address, "/api/status"))
            if wanted(status):
                return status
        self.fail(f"the job never came so far: {status}")

    def test_shows_the_job(self):
        address = self.start()
        workers = lambda status: [worker for process in status["processes"] for worker in process["workers"]]
        status = self.until(address, lambda status: any(worker["waits_for"] == [3] for worker in workers(status)) and
                            status["slowest"] and status["evaluations"])
        self.assertEqual(status["program"], "mf")
        self.assertEqual([worker["worker"] for worker in workers(status)], [0, 1, 2, 3])
        self.assertLessEqual(status["clock_most"] - status["clock_least"], 3 + 1, "staleness + 1, and a moment's blur")
        self.assertEqual(status["slowest"]["worker"], 3)
        self.assertGreater(status["slowest"]["times_median"], 2)
        self.assertTrue(all(process["bytes_sent"] > 0 for process in status["processes"]))
        self.assertTrue(all(process["shards"][0]["rows"] > 0 for process in status["processes"]))
        self.assertIn("rmse", status["evaluations"][-1]["measures"])

        self.assertEqual(self.get(address, "/healthz"), "ok\n")
        self.assertEqual(self.get(address, "/readyz"), "running\n")
        with self.assertRaises(urllib.error.HTTPError) as refused:
            self.get(address, "/nothing")
        self.assertEqual(refused.exception.code, 404)
        refused.exception.close()

        top = subprocess.run([BOSEN, "top", address], capture_output=True, text=True, timeout=TIMEOUT_S)
        self.assertEqual(top.returncode, 0, top.stderr)
        self.assertRegex(top.stdout, r"^mf  running, .* spread \d+  2 processes\n")
        self.assertIn("slowest: worker 3 (rank 1)", top.stdout)

    def test_shows_the_job_in_a_terminal_once_or_until_it_is_stopped(self):
        address = self.start()
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        seen = ""
        with subprocess.Popen([BOSEN, "top", "--interval", "0.1", address], stdout=slave, stderr=slave) as top:
            while len(re.findall(r"spread \d+", seen)) < 3:
                readable, _, _ = select.select([master], [], [], TIMEOUT_S)
                self.assertTrue(readable, seen)
                seen += os.read(master, 65536).decode()
            self.assertIsNone(top.poll())
            top.terminate()
        once = subprocess.run([BOSEN, "top", "--once", address], stdout=slave, stderr=slave, timeout=TIMEOUT_S, check=False)
        self.assertEqual(once.returncode, 0)
        os.close(slave)

    def test_names_a_worker_that_never_ends_its_clock_and_who_waits_for_it(self):
        address = self.start("--straggler", "1:1000000")
        workers = lambda status: [worker for process in status["processes"] for worker in process["workers"]]
        status = self.until(address, lambda status: status["slowest"] and
                            [worker["waits_for"] for worker in workers(status)] == [[1], [], [1], [1]])
        self.assertEqual(status["slowest"]["worker"], 1)
        self.assertEqual(workers(status)[1]["state"], "computing")
        self.assertGreater(workers(status)[1]["computing_s"], 0)
        self.assertIn("at a barrier", [worker["state"] for worker in workers(status)])

    def test_answers_head_without_a_body(self):
        host, port = self.start().split(":")
        with socket.create_connection((host, int(port)), timeout=TIMEOUT_S) as connection:
            connection.sendall(b"HEAD /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            answer = b"".join(iter(lambda: connection.recv(4096), b""))
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer)
        self.assertTrue(answer.endswith(b"\r\n\r\n"), answer)

    def test_refuses_a_page_of_another_name(self):
        """A web page whose name was made to lead here must not read the answers."""
        address = self.start()
        port = address.split(":")[1]
        for host, code in [("evil.example", 403), (f"evil.example:{port}", 403), (f"localhost:{port}", 200), (address, 200),
                           (f"[::1]:{port}", 200)]:
            with self.subTest(host=host), socket.create_connection(("127.0.0.1", int(port)), timeout=TIMEOUT_S) as connection:
                connection.sendall(f"GET /api/status HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
                answer = b"".join(iter(lambda: connection.recv(4096), b""))
                self.assertTrue(answer.startswith(f"HTTP/1.1 {code} ".encode()), answer)
                self.assertEqual(code == 403, b"this is not 'evil.example': ask for " + address.encode() in answer, answer)

    def test_metrics_are_what_prometheus_reads(self):
        """By Prometheus's own parser, which is the Debian python's."""
        address = self.start()
        self.until(address, lambda status: len(status["processes"]) == 2)
        text = self.get(address, "/metrics")
        parse = subprocess.run(["/usr/bin/python3", "-c", PARSE_METRICS], input=text, capture_output=True, text=True,
                               timeout=TIMEOUT_S)
        if "ModuleNotFoundError" in parse.stderr:
            self.skipTest("python3-prometheus-client is not installed")
        self.assertEqual(parse.returncode, 0, parse.stderr)
        families = json.loads(parse.stdout)
        kind, samples = families["bosen_worker_clock"]
        self.assertEqual(kind, "gauge")
        self.assertEqual(sorted(labels["worker"] for labels, _ in samples), ["0", "1", "2", "3"])
        self.assertEqual(families["bosen_worker_wait_seconds"][0], "counter")
        self.assertEqual([value for _, value in families["bosen_job_running"][1]], [1])

    def test_the_page_shows_the_job_in_a_browser(self):
        browser = shutil.which("chromium") or shutil.which("chromium-browser")
        if browser is None:
            self.skipTest("chromium is not installed")
        address = self.start()
        self.until(address, lambda status: status["slowest"] and len(status["evaluations"]) > 1)
        page = subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                               f"--user-data-dir={self.folder / 'browser'}", "--virtual-time-budget=4000", "--dump-dom",
                               f"http://{address}/"], capture_output=True, text=True, timeout=TIMEOUT_S)
        self.assertIn("<title>mf - bosen</title>", page.stdout, page.stderr)
        body = page.stdout
        rows = re.search(r'<tbody id="workers">(.*?)</tbody>', body, re.DOTALL).group(1)
        self.assertEqual(rows.count("<tr"), 4)
        self.assertRegex(body, r'<section id="slowest">Slowest: worker 3 \(rank 1\)')
        self.assertRegex(body, r'<svg[^>]*data-measure="rmse"[^>]*>.*?<path[^>]* d="M')
        self.assertIn('<section id="lost" hidden="">', body)
        self.assertEqual(body.count('class="legend"'), 2, "of the workers' rows, and of the clocks")
        self.assertNotRegex(body, r'(?:src|href)="', "the page needs nothing from elsewhere")

    def test_numbers_beside_an_axis_of_the_page_are_short(self):
        browser = shutil.which("chromium") or shutil.which("chromium-browser")
        if browser is None:
            self.skipTest("chromium is not installed")
        source = (pathlib.Path(__file__).parents[2] / "bosen/monitor/page.html").read_text(encoding="utf-8")
        function = re.search(r"^(?:const short\b[^\n]*|function short\b.*?^\})", source, re.MULTILINE | re.DOTALL).group(0)
        numbers = "0, 12, -9999999, 0.5194, 0.000003551, -0.000003551, 0.001234, 123456.7, -12345678.5, 1e300"
        page = self.folder / "short.html"
        page.write_text(f"<script>{function}\ndocument.title = [{numbers}].map(short).join(' ');</script>")
        shown = subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                                f"--user-data-dir={self.folder / 'browser'}", "--dump-dom", page.as_uri()],
                               capture_output=True, text=True, timeout=TIMEOUT_S)
        self.assertIn("<title>0 12 -9999999 0.5194 3.55e-6 -3.55e-6 0.001234 1.235e5 -1.235e7 1.000e300</title>", shown.stdout)

    def test_tensorboard_gets_what_the_metrics_have(self):
        run = self.train("mf", "--generate", "60,80,4,2000", "--rank", 4, "--epochs", 3, "--tensorboard", self.folder / "board")
        files = list((self.folder / "board").glob("**/*tfevents*"))
        self.assertEqual(len(files), 1)
        self.assertIn(f"mf: wrote {files[0]} (for TensorBoard)", run.stderr.splitlines())
        found = sorted(scalars(files[0].read_bytes()))
        expected = sorted((event["clock"], measure, event[measure]) for event in run.of_kind("eval")
                          for measure in event.keys() - {"event", "clock", "time_s"})
        self.assertEqual(len(expected), 6)
        self.assertEqual([entry[:2] for entry in found], [entry[:2] for entry in expected])
        for (_, _, value), (_, _, wanted) in zip(found, expected):
            self.assertAlmostEqual(value, wanted, delta=1e-6 * abs(wanted))

    def test_refuses_what_is_no_address(self):
        self.assert_refuses("mf", ["--generate", "20,10,2,100", "--monitor", "here:there"], "--monitor", "HOST:PORT")

    def test_says_that_nobody_answers(self):
        run = subprocess.run([BOSEN, "top", "127.0.0.1:1"], capture_output=True, text=True, timeout=TIMEOUT_S)
        self.assertEqual(run.returncode, 2)
        self.assertRegex(run.stderr, r"^bosen top: no answer from http://127.0.0.1:1/api/status; start the job with ")

    def test_says_that_a_host_is_not_known(self):
        run = subprocess.run([BOSEN, "top", "no-host.invalid:8780"], capture_output=True, text=True, timeout=TIMEOUT_S)
        self.assertEqual(run.returncode, 2)
        self.assertRegex(run.stderr, r"^bosen top: the host 'no-host.invalid' is not known: .*; write its address, or add it to DNS")


if __name__ == "__main__":
    unittest.main()
