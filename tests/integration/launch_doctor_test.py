"""`bosen` itself: version, help, doctor, and what it says to those who mistype."""

from launch_support import VERSION, LaunchTest, bosen, environment, main


class ProgramTest(LaunchTest):
    def test_version(self):
        self.assertEqual(bosen("--version").out, f"bosen {VERSION}\n")

    def test_help_names_every_command(self):
        result = bosen("--help")
        self.assertEqual(result.code, 0)
        for command in ("run", "check", "doctor"):
            self.assertRegex(result.out, rf"\n  {command} +\w")
            self.assertEqual(bosen(command, "--help").code, 0)

    def test_without_a_command_shows_help_and_fails(self):
        result = bosen()
        self.assertEqual((result.code, result.out), (2, ""))
        self.assertIn("Subcommands:", result.err)

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
