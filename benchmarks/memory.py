"""What the service takes while it is idle: `python -m benchmarks.memory`, in MiB of each process.

PSS: memory that processes share is divided among them, so the sum is what the machine gives (proc(5), smaps_rollup).
"""

import os
import subprocess
import sys
import tempfile
import time

import psutil
import requests

SETTLES_S = 20.0  # all have started and gone their first rounds


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(DATA_DIR=folder, OFF_CONTACT="a@example.org", DJANGO_SETTINGS_MODULE="dietintel.settings")
        from tests.services import free_port

        os.environ.setdefault("PORT", str(free_port()))
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], check=True)
        service = subprocess.Popen([sys.executable, "manage.py", "serve"], stdout=subprocess.DEVNULL)
        time.sleep(SETTLES_S)
        requests.get(f"http://127.0.0.1:{os.environ['PORT']}/", timeout=10)  # the first one loads all pages
        supervisor = psutil.Process(service.pid)
        total = 0.0
        for process in [supervisor, *supervisor.children(recursive=True)]:
            pss = process.memory_full_info().pss / 2**20
            total += pss
            sys.stdout.write(f"{pss:6.1f}  {process.environ().get('DIETINTEL_ROLE', 'supervisor')}\n")
        sys.stdout.write(f"{total:6.1f}  all\n")
        service.terminate()
        service.wait()


if __name__ == "__main__":
    main()
