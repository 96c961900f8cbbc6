"""What a process learns of its place in a job from Open MPI's mpirun and from Slurm, both for real."""

import json
import os
import shutil
import subprocess
import tempfile
import unittest

import launch_slurm
from launch_support import BOSEN, PATIENCE_S, TABLES, LaunchTest, Result, environment, main, missing_programs, missing_tools, placements

PLACEMENT = [BOSEN, "doctor", "--placement"]
MPIRUN = ["mpirun", "--allow-run-as-root", "--oversubscribe", "-n", "2"]


def run(*command, env=None):
    done = subprocess.run(
        command, env=env or environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE_S
    )
    return Result(done.returncode, done.stdout, done.stderr)


class AloneTest(LaunchTest):
    def test_a_process_that_nobody_launched_is_alone(self):
        place = placements(run(*PLACEMENT))[0]
        self.assertEqual((place["source"], place["rank"], place["size"], place["coordinator"]), ("alone", 0, 1, ""))

    def test_a_contradiction_is_one_line_and_code_2(self):
        result = run(*PLACEMENT, env=environment(BOSEN_RANK=5, BOSEN_SIZE=2, BOSEN_COORDINATOR="h:1"))
        self.assertEqual(result.code, 2, result)
        self.assertRegex(result.err, r"^bosen doctor: rank 5 is not below the job's size 2.*\n$")


class TorchrunTest(LaunchTest):
    def test_the_four_variables_place_a_process(self):
        env = environment(RANK=1, WORLD_SIZE=2, LOCAL_RANK=1, LOCAL_WORLD_SIZE=2, MASTER_ADDR="127.0.0.1", MASTER_PORT=29511)
        place = placements(run(*PLACEMENT, env=env))[0]
        self.assertEqual((place["source"], place["rank"], place["size"]), ("torchrun", 1, 2))
        self.assertEqual((place["coordinator"], place["host"]), ("127.0.0.1:29511", "127.0.0.1"))


@unittest.skipIf(missing_tools("mpirun"), missing_tools("mpirun"))
class OpenMpiTest(LaunchTest):
    def test_ranks_of_mpirun_share_a_coordinator(self):
        result = run(*MPIRUN, *PLACEMENT)
        self.assertEqual(result.code, 0, result)
        first, second = placements(result)
        for rank, place in enumerate((first, second)):
            self.assertEqual((place["source"], place["rank"], place["size"]), ("Open MPI", rank, 2))
            self.assertEqual((place["local_rank"], place["local_size"], place["host"]), (rank, 2, "127.0.0.1"))
        self.assertRegex(first["coordinator"], r"^127\.0\.0\.1:2\d{4}$")
        self.assertEqual((first["coordinator"], first["job"]), (second["coordinator"], second["job"]))

    def test_two_jobs_are_told_apart(self):
        jobs = {placements(run(*MPIRUN, *PLACEMENT))[0]["job"] for _ in range(2)}
        self.assertEqual(len(jobs), 2)

    def test_the_coordinator_can_be_named(self):
        result = run(*MPIRUN, "-x", "BOSEN_COORDINATOR", *PLACEMENT, env=environment(BOSEN_COORDINATOR="127.0.0.1:23456"))
        self.assertEqual({place["coordinator"] for place in placements(result)}, {"127.0.0.1:23456"}, result)


@unittest.skipIf(launch_slurm.why_not(), launch_slurm.why_not())
class SlurmTest(LaunchTest):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.mkdtemp(prefix="bosen-slurm-")
        cls.addClassCleanup(shutil.rmtree, folder, ignore_errors=True)
        cls.slurm = launch_slurm.Slurm(folder)
        cls.addClassCleanup(cls.slurm.stop)
        cls.slurm.start()

    def run_there(self, *command):
        done = self.slurm.run(*command)
        self.assertEqual(done.returncode, 0, done)
        return Result(done.returncode, done.stdout, done.stderr)

    def test_tasks_of_srun_share_a_coordinator(self):
        found = placements(self.run_there("srun", "-n", "3", *PLACEMENT))
        self.assertEqual([place["rank"] for place in found], [0, 1, 2])
        for place in found:
            self.assertEqual((place["source"], place["size"], place["local_rank"], place["local_size"]), ("Slurm", 3, place["rank"], 3))
            self.assertEqual(place["host"], "127.0.0.1")
        self.assertEqual(len({(place["job"], place["coordinator"]) for place in found}), 1)
        self.assertRegex(found[0]["job"], r"^slurm-\d+\.0$")
        self.assertRegex(found[0]["coordinator"], r"^127\.0\.0\.1:2\d{4}$")

    def test_steps_of_one_job_are_told_apart(self):
        step = " ".join(["srun", "-n", "2", *PLACEMENT])
        found = placements(self.run_there("salloc", "-Q", "-n", "2", "sh", "-c", f"{step}; {step}"))
        self.assertEqual(len({place["job"] for place in found}), 2)
        self.assertEqual(len({place["coordinator"] for place in found}), 2)

    def test_a_program_in_a_batch_script_without_srun_is_alone(self):
        output = self.folder / "batch.out"
        self.run_there("sbatch", "-W", "-n", "2", "-o", str(output), "--wrap", " ".join(PLACEMENT))
        place = json.loads(output.read_text())
        self.assertEqual((place["source"], place["size"]), ("alone", 1))

    def test_a_program_in_an_allocation_without_srun_is_alone(self):
        place = placements(self.run_there("salloc", "-Q", "-n", "2", *PLACEMENT))[0]
        self.assertEqual((place["source"], place["size"]), ("alone", 1))

    def test_bosen_run_inside_a_task_decides(self):
        found = placements(self.run_there("srun", "-n", "1", BOSEN, "run", "-n", "2", "--", *PLACEMENT))
        self.assertEqual([(place["source"], place["size"]) for place in found], [("bosen run", 2)] * 2)

    @unittest.skipIf(missing_programs(), missing_programs())
    def test_tables_keep_their_guarantee_under_srun(self):
        result = self.run_there("srun", "-n", "2", TABLES, "--clocks", "15", "--workers", "2")
        self.assertIn("kept the guarantee", result.out)

    @unittest.skipIf(missing_tools("mpirun"), missing_tools("mpirun"))
    def test_mpirun_inside_an_allocation_is_open_mpi(self):
        found = placements(self.run_there("salloc", "-Q", "-n", "2", *MPIRUN, *PLACEMENT))
        self.assertEqual([(place["source"], place["rank"], place["size"]) for place in found], [("Open MPI", 0, 2), ("Open MPI", 1, 2)])


if __name__ == "__main__":
    main()
