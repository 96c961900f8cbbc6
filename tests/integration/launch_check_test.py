"""`bosen check`: what it finds on hosts before anything starts, against an ssh server of the test's own."""

import os
import shutil
import subprocess
import tempfile
import unittest

import launch_sshd
from launch_support import BOSEN, VERSION, LaunchTest, bosen, environment, main

FIRST, SECOND = "127.0.0.2", "127.0.0.3"


class LocalCheckTest(LaunchTest):
    def test_this_host_needs_no_ssh(self):
        result = bosen("check", "-H", "localhost:2", env=environment(BOSEN_SSH="false"))
        self.assertEqual(result.code, 0, result)
        self.assertRegex(result.out, rf"localhost +2 +here +{VERSION} +ok")
        self.assertEqual(result.last_line, "bosen check: the host is ready; next: bosen run -n 2 -H localhost:2 -- PROGRAM")
        path = self.write("my hosts", "localhost")
        result = bosen("check", "--hostfile", path, "--ssh-option", "Port=2222")
        self.assertRegex(result.last_line, f"next: bosen run -n 1 --hostfile '{path}' --ssh-option Port=2222 -- PROGRAM$")

    def test_every_unknown_host_is_named_with_its_place(self):
        path = self.write("hosts", "localhost\nno-such-host.invalid\n\nother.invalid:2\n")
        result = bosen("check", "--hostfile", path)
        self.assertEqual(result.code, 2, result)
        self.assertIn(f"{path}:2:1: the host 'no-such-host.invalid' is not known", result.err)
        self.assertIn(f"{path}:4:1: the host 'other.invalid' is not known", result.err)
        self.assertEqual(result.last_line, "bosen check: 2 of 3 hosts are not ready")

    def test_hosts_that_never_answer_are_given_up_together(self):
        # Two seconds for each of them would be more than a test has.
        hosts = ",".join(f"127.0.0.{number}" for number in range(2, 42))
        ssh = self.write("ssh", "#!/bin/sh\nexec sleep 1000\n", mode=0o755)
        result = bosen("check", "-H", hosts, "--timeout", 1, env=environment(BOSEN_SSH=ssh))
        self.assertEqual(result.code, 2, result)
        self.assertEqual(result.err.count("did not answer over ssh within 1 s"), 40, result)

    def test_says_what_is_missing_or_wrong_on_the_command_line(self):
        self.assertIn("say which hosts to check", bosen("check").err)
        self.assertEqual(bosen("check").code, 2)
        self.assertIn("No such file", bosen("check", "--hostfile", self.folder / "none").err)
        self.assertEqual(bosen("check", "-H", "a", "stray").code, 2)


@unittest.skipIf(launch_sshd.why_not(), launch_sshd.why_not())
class SshCheckTest(LaunchTest):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.mkdtemp(prefix="bosen-sshd-")
        cls.addClassCleanup(shutil.rmtree, folder, ignore_errors=True)
        cls.server = launch_sshd.SshServer(folder, [FIRST, SECOND], launch_sshd.free_port(FIRST))
        cls.addClassCleanup(cls.server.stop)
        cls.server.wait_until_ready()

    def check(self, hosts=f"{FIRST}:2,{SECOND}", ssh=None):
        return bosen("check", "-H", hosts, env=environment(BOSEN_SSH=ssh or self.server.ssh()))

    def wrapper(self, command):
        """An ssh that runs a shell here, with the script that comes on its stdin changed by `command`."""
        return self.write("wrapper", f'#!/bin/sh\nfor last; do :; done\n{command}\n', 0o755)

    def test_good_hosts_are_ready(self):
        result = self.check()
        self.assertEqual(result.code, 0, result)
        for host in (FIRST, SECOND):
            self.assertRegex(result.out, rf"{host} +\d +ok +{VERSION} +ok +\d+\.\d\d ms +[+-]\d+\.\d ms")
        self.assertEqual(result.last_line, f"bosen check: all 2 hosts are ready; next: bosen run -n 3 -H {FIRST}:2,{SECOND} -- PROGRAM")

    def test_bad_hosts_are_named_and_good_ones_still_checked(self):
        result = self.check(hosts=f"{FIRST},127.0.0.4")
        self.assertEqual(result.code, 2, result)
        self.assertRegex(result.out, rf"{FIRST} +1 +ok +{VERSION} +ok")
        self.assertRegex(result.out, r"127\.0\.0\.4 +1 +FAILED")
        self.assertIn("-H:11: host '127.0.0.4': no ssh server answers", result.err)
        self.assertEqual(result.last_line, "bosen check: 1 of 2 hosts is not ready")

    def test_no_passwordless_ssh(self):
        launch_sshd.make_key(self.folder / "wrong_key")
        result = self.check(ssh=self.server.ssh(IdentityFile=self.folder / "wrong_key"))
        self.assertEqual(result.code, 2, result)
        self.assertEqual(result.err.count("ssh does not let you in without a password"), 2, result)

    def test_the_command_to_mend_it_with_logs_in_as_we_do(self):
        result = bosen("check", "-H", f"ann@{FIRST}:1,localhost", "--ssh-option", "LogLevel=ERROR",
                       env=environment(BOSEN_SSH=self.server.ssh(IdentityFile="/nonexistent")))
        self.assertEqual(result.code, 2, result)
        self.assertIn(f"`ssh-copy-id -o LogLevel=ERROR ann@{FIRST}`", result.err)

    def test_no_bosen_at_the_same_path(self):
        wrapper = self.wrapper("sed -u \"s#^program=.*#program=/nonexistent/bosen#\" | sh -c \"$last\"")
        result = self.check(hosts=FIRST, ssh=wrapper)
        self.assertEqual(result.code, 2, result)
        self.assertIn(f"host '{FIRST}': there is no bosen at '{BOSEN}': share that folder", result.err)

    def test_another_version(self):
        old = self.write("old-bosen", "#!/bin/sh\necho bosen 0.0.9\n", 0o755)
        result = self.check(hosts=FIRST, ssh=self.wrapper(f"sed -u 's#^program=.*#program={old}#' | sh -c \"$last\""))
        self.assertEqual(result.code, 2, result)
        self.assertIn(f"is version 0.0.9, and here it is {VERSION}: install the same build everywhere", result.err)
        self.assertRegex(result.out, rf"{FIRST} +1 +ok +0\.0\.9 +-")

    def test_a_bosen_that_does_not_run(self):
        broken = self.write("broken-bosen", "#!/bin/sh\necho libfmt.so.9: cannot open shared object file >&2\nexit 127\n", 0o755)
        result = self.check(hosts=FIRST, ssh=self.wrapper(f"sed -u 's#^program=.*#program={broken}#' | sh -c \"$last\""))
        self.assertEqual(result.code, 2, result)
        self.assertIn("does not run: libfmt.so.9: cannot open shared object file", result.err)

    def test_a_host_that_nobody_can_connect_to(self):
        if os.geteuid() != 0 or subprocess.run(["unshare", "-n", "true"], stderr=subprocess.DEVNULL).returncode != 0:
            self.skipTest("a network of its own takes root")
        result = self.check(hosts=FIRST, ssh=self.wrapper("exec unshare -n sh -c \"$last\""))
        self.assertEqual(result.code, 2, result)
        self.assertRegex(result.out, rf"{FIRST} +1 +ok +{VERSION} +FAILED")
        self.assertRegex(result.err, rf"host '{FIRST}' cannot connect to this host \(127\.0\.0\.1\): .*let firewalls pass TCP")
        self.assertRegex(result.err, rf"this host cannot connect to host '{FIRST}': ")


if __name__ == "__main__":
    main()
