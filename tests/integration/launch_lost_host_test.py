"""What `bosen run` does when a host falls silent: hosts are network namespaces, so that their cables can be pulled."""

import subprocess
import unittest

import launch_network
from launch_network import Network
from launch_support import WAITING, main, missing_programs

FAMILY = "sleep 1000 & echo pid $$; echo pid $!; wait"


@unittest.skipIf(launch_network.why_not(), launch_network.why_not())
class LostHostTest(launch_network.NetworkTest):
    def test_a_host_that_drops_out_ends_the_job_and_leaves_nothing(self):
        with self.start("run", "--", "sh", "-c", FAMILY) as job:
            pids = [line.split()[1] for line in job.wait_for_lines(6, "pid")]
            self.network.unplug(2)
            result = job.finish()
            self.assertEqual(result.code, 1, result)
            self.assertRegex(result.last_line, rf"rank [01] on {self.first} \(pid \d+\) was lost with its ssh connection")
            self.assert_gone(pids)  # those of the lost host too: its watchers hear nothing any more

    @unittest.skipIf(missing_programs(), missing_programs())
    def test_every_rank_names_the_host_that_drops_out(self):
        hosts = f"localhost,{self.first},{self.second}"
        with self.start("run", "--output-dir", str(self.folder / "logs"), "--", *WAITING, hosts=hosts) as job:
            job.wait_for(lambda *_: self.connections_to(self.first) >= 2, "connections between the ranks")
            self.network.unplug(2)
            result = job.finish()
            self.assertEqual(result.code, 1, result)
            self.assertRegex(result.last_line, rf"rank 1 on {self.first} \(pid \d+\) was lost with its ssh connection; log: ")
            for rank in (0, 2):
                self.assertRegex((self.folder / "logs" / f"rank-{rank}.err").read_text(), rf"rank 1 \(host {self.first}, pid \d+\)")

    def connections_to(self, address):
        """Connections that programs on the first host have to ports of that one, ssh's not counted."""
        listed = subprocess.run([*self.network.inside(1), "ss", "-Htn", "state", "established"], capture_output=True, text=True).stdout
        return sum(address in line and not line.rstrip().endswith(":22") for line in listed.splitlines())

    def test_a_host_that_swallows_packets_is_given_up_in_time(self):
        Network.ip("-n", self.network.names[1], "route", "add", "blackhole", f"{self.network.addresses[0]}/32")
        result = self.run_bosen("run", "--", "true")
        self.assertEqual(result.code, 2, result)
        self.assertRegex(result.err, rf"waiting for ssh to {self.first}, \d s so far")
        self.assertRegex(result.err, rf"host '{self.first}': it cannot be reached: .*timed out")


if __name__ == "__main__":
    main()
