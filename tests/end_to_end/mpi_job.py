"""How end-to-end tests start jobs of several ranks. The last argument of a test names mpirun, or is empty where there is none."""

import subprocess
import sys
import unittest

MPIRUN = sys.argv.pop(3)

from program import ENVIRONMENT, PROGRAM

# Root is refused otherwise, and so are more ranks than cores. Nothing listens but on the loopback device.
SETTINGS = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_oob_tcp_if_include": "lo",
    "OMPI_MCA_btl_tcp_if_include": "lo",
    "OMPI_MCA_orte_base_help_aggregate": "0",
}
needs_mpirun = unittest.skipUnless(MPIRUN, "there is no mpirun, or the build has no MPI")


def job(ranks, *arguments):
    return [MPIRUN, "--oversubscribe", "-n", str(ranks), PROGRAM, *map(str, arguments)]


def run_job(command, stdin=b""):
    return subprocess.run(command, input=stdin, capture_output=True, env={**ENVIRONMENT, **SETTINGS}, timeout=300, check=False)


def output_of(done):
    if done.returncode != 0:
        raise AssertionError(f"status {done.returncode}: {done.stderr.decode()}")
    return done.stdout
