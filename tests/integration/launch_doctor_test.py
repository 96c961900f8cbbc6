"""`bosen` itself: version, help, doctor, and what it says to those who mistype."""

import subprocess

from launch_support import BOSEN, VERSION, LaunchTest, bosen, environment, main


class ProgramTest(LaunchTest):
    def test_version(self):
        self.assertEqual(bosen("--version").out, f"bosen {VERSION}\n")

    def test_help_names_every_command(self):
        result = bosen("--help")
        self.assertEqual(result.code, 0)
        for command in ("run", "check", "doctor", "sweep", "sim", "top"):
            self.assertRegex(result.out, rf"\n  {command} +\w")
            self.assertEqual(bosen(command, "--help").code, 0)

    def test_without_a_command_says_so_and_fails(self):
        result = bosen()
        self.assertEqual((result.code, result.out, result.err), (2, "", "bosen: needs a command; see bosen --help\n"))

    def test_output_that_cannot_be_written_is_an_error(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([BOSEN, "doctor"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr),
                         (2, "bosen doctor: cannot write to standard output: No space left on device\n"))

    def test_suggests_the_command_that_was_meant(self):
        result = bosen("docter")
        self.assertEqual(result.code, 2)
        self.assertEqual(result.err, "bosen: there is no command 'docter'; did you mean 'doctor'?\n")


class DoctorTest(LaunchTest):
    def test_describes_build_machine_and_launchers(self):
        result = bosen("doctor")
        self.assertEqual((result.code, result.err), (0, ""), result)
        for text in (rf"version +{VERSION}", r"compiler +\w+ \d", r"libraries +ZeroMQ \d", r"\d+ of \d+ cores", r"memory +[\d.]+ GiB free",
                     r"open files +(\d|no)", r"ssh +(/|not here)", r"place +alone"):  # fmt: skip
            self.assertRegex(result.out, text)

    def test_names_its_place_in_a_job(self):
        result = bosen("doctor", env=environment(BOSEN_RANK=1, BOSEN_SIZE=2, BOSEN_COORDINATOR="127.0.0.1:5000"))
        self.assertRegex(result.out, r"place +rank 1 of 2")
        result = bosen("doctor", env=environment(BOSEN_RANK=1))
        self.assertRegex(result.out, r"place +unclear: .*BOSEN_SIZE is missing")


if __name__ == "__main__":
    main()
