"""Python's logging. log.py WORKLOAD SIZE"""
import logging
import os
import sys
import tempfile
import time

WORKLOAD, SIZE = sys.argv[1], int(sys.argv[2])
now = time.process_time if os.environ.get("BENCH_CLOCK") == "cpu" else time.perf_counter

path = tempfile.mktemp()
logging.basicConfig(filename=path, level=logging.ERROR,
                    format="%(asctime)s %(levelname)s %(name)s: %(message)s")
logger = logging.getLogger("main")
call = logger.debug if WORKLOAD == "log_off" else logger.error

start = now()
for i in range(SIZE):
    call("request %d took %.1f ms", i, 3.5)
print(f"RES {WORKLOAD}:python {now() - start:.9f} {SIZE}", flush=True)
logging.shutdown()
os.remove(path)
