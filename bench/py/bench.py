"""Python's asyncio on uvloop. bench.py WORKLOAD SIZE"""
import asyncio
import concurrent.futures
import os
import sys
import time

import uvloop

DATA = os.environ.get("BENCH_DATA", "build/bench/data")
WORKLOAD = sys.argv[1]
now = time.process_time if os.environ.get("BENCH_CLOCK") == "cpu" else time.perf_counter


def report(who, seconds, n):
    print(f"RES {WORKLOAD}:{who} {seconds:.9f} {n}", flush=True)


async def timed(who, n, awaitable):
    start = now()
    await awaitable
    report(who, now() - start, n)


async def each(in_flight, n, f):
    numbers = iter(range(1, n + 1))

    async def one():
        for i in numbers:
            await f(i)
    await asyncio.gather(*[one() for _ in range(in_flight)])


async def await_resolved(n):
    loop = asyncio.get_running_loop()

    async def work():
        total = 0
        for _ in range(n):
            future = loop.create_future()
            future.set_result(1)
            total += await future
    await timed("uvloop", n, work())


async def handover(n):
    n //= 5
    there, back = asyncio.Queue(1), asyncio.Queue(1)

    async def one():
        for i in range(n // 2):
            await there.put(i)
            await back.get()

    async def two():
        for _ in range(n // 2):
            await back.put(await there.get())
    await timed("uvloop", n, asyncio.gather(two(), one()))


async def yield_(n):
    async def one():
        for _ in range(n // 1000):
            await asyncio.sleep(0)
    await timed("uvloop", n, asyncio.gather(*[one() for _ in range(1000)]))


async def spawn(n):
    async def trivial(v):
        return v

    async def work():
        for i in range(n):
            await asyncio.create_task(trivial(i))
    await timed("uvloop", n, work())


async def sleepers(n):
    async def nap(i):
        await asyncio.sleep(1 + i / n)
    await timed("uvloop", n, asyncio.gather(*[nap(i) for i in range(n)]))


async def files(n):
    loop = asyncio.get_running_loop()

    def read(i):
        with open(f"{DATA}/small/{i}", "rb") as f:
            return f.read()

    async def one(i):
        assert len(await loop.run_in_executor(None, read, i)) == 4096
    await timed("python", n, each(64, n, one))


async def lines(path):
    start, n = now(), 0
    with open(path, "rb") as f:
        for _ in f:
            n += 1
    report("python_blocking", now() - start, n)


async def processes(n):
    async def one(_):
        process = await asyncio.create_subprocess_exec("/bin/true")
        assert await process.wait() == 0
    await timed("uvloop", n, each(16, n, one))


async def detach(n):
    loop = asyncio.get_running_loop()
    pool = concurrent.futures.ThreadPoolExecutor(2)

    async def one(_):
        await loop.run_in_executor(pool, abs, 1)
    await each(2, 10, one)
    await timed("uvloop", n, each(64, n, one))
    await timed("uvloop_alone", n // 10, each(1, n // 10, one))


async def stream(n):
    async def source():
        for i in range(1, n + 1):
            yield i

    async def add_one(s):
        async for v in s:
            yield v + 1

    async def even(s):
        async for v in s:
            if v % 2 == 0:
                yield v

    async def work():
        total = 0
        async for v in even(add_one(source())):
            total += v
    await timed("python", n, work())


uvloop.install()
size = sys.argv[2]
asyncio.run(globals()["yield_" if WORKLOAD == "yield" else WORKLOAD](int(size) if size.isdigit() else size))
