"""Python: a large folder, a tree with the size of each file; asyncio on uvloop: a child's output.
system.py WORKLOAD SIZE"""
import asyncio
import os
import subprocess
import sys
import time

WORKLOAD, SIZE = sys.argv[1:3]
now = time.perf_counter


def report(who, seconds, n):
    print(f"RES {WORKLOAD}:{who} {seconds:.9f} {n}", flush=True)


def scandir(path):
    start = now()
    n = sum(1 for entry in os.scandir(path) if entry.name)
    report("python_blocking", now() - start, n)


def walk(path):
    def visit(folder):
        n, size = 0, 0
        for entry in os.scandir(folder):
            n += 1
            size += entry.stat(follow_symlinks=False).st_size
            if entry.is_dir(follow_symlinks=False):
                more, bytes_more = visit(entry.path)
                n, size = n + more, size + bytes_more
        return n, size
    start = now()
    n, _ = visit(path)
    report("python_blocking", now() - start, n)


async def pipes(bytes_):
    for who, into in ("uvloop", None), ("uvloop_two", True):
        start, total = now(), 0
        source = await asyncio.create_subprocess_exec("head", "-c", str(bytes_), "/dev/zero", stdout=subprocess.PIPE)
        if into:
            into = await asyncio.create_subprocess_exec("cat", stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        while chunk := await source.stdout.read(65536):
            total += len(chunk)
            if into:
                into.stdin.write(chunk)
                await into.stdin.drain()
        if into:
            into.stdin.close()
            await into.wait()
        await source.wait()
        assert total == bytes_
        report(who, now() - start, total)


if WORKLOAD == "pipe":
    import uvloop
    uvloop.install()
    asyncio.run(pipes(int(SIZE)))
else:
    globals()[WORKLOAD](SIZE)
