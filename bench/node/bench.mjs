// node: promises, async functions, worker threads. node bench.mjs WORKLOAD SIZE [ARGUMENT]

import fs from 'node:fs/promises';
import { createReadStream } from 'node:fs';
import readline from 'node:readline';
import { spawn } from 'node:child_process';
import { Worker, isMainThread, parentPort } from 'node:worker_threads';
import { setTimeout as sleep } from 'node:timers/promises';

const data = process.env.BENCH_DATA ?? 'build/bench/data';
const cpuTime = () => { const u = process.cpuUsage(); return (u.user + u.system) / 1e6; };
const now = process.env.BENCH_CLOCK === 'cpu' ? cpuTime : () => Number(process.hrtime.bigint()) / 1e9;
const workload = process.argv[2];
const report = (who, seconds, n, extra = '') =>
  console.log(`RES ${workload}:${who} ${seconds.toFixed(9)} ${n} ${extra}`);

async function time(who, n, f) {
  const start = now();
  await f();
  const seconds = now() - start;
  report(who, seconds, n);
  return seconds;
}

const fib = n => (n < 2 ? n : fib(n - 1) + fib(n - 2));

// f(1) … f(n), inFlight at a time.
function each(inFlight, n, f) {
  let i = 0;
  const one = async () => { while (i < n) await f(++i); };
  return Promise.all(Array.from({ length: inFlight }, one));
}

class MVar {
  full = false;
  takers = [];
  putters = [];
  put(v) {
    const taker = this.takers.shift();
    if (taker) { taker(v); return Promise.resolve(); }
    if (!this.full) { this.full = true; this.value = v; return Promise.resolve(); }
    return new Promise(done => this.putters.push([v, done]));
  }
  take() {
    if (!this.full) return new Promise(done => this.takers.push(done));
    const v = this.value, putter = this.putters.shift();
    if (putter) { this.value = putter[0]; putter[1](); } else this.full = false;
    return Promise.resolve(v);
  }
}

// Two workers that answer [id, operation, argument].
function workers() {
  const all = [0, 1].map(() => {
    const w = new Worker(new URL(import.meta.url));
    w.waiting = new Map();
    w.on('message', ([id, v]) => { w.waiting.get(id)(v); w.waiting.delete(id); });
    return w;
  });
  let ids = 0;
  const call = (operation, v) => new Promise(done => {
    const w = all[ids & 1];
    w.waiting.set(ids, done);
    w.postMessage([ids++, operation, v]);
  });
  return { call, end: () => all.forEach(w => w.terminate()) };
}

const W = {
  // node never runs a callback at once: this builds a chain of n.
  async bind_resolved(n) {
    await time('node', n, async () => {
      let p = Promise.resolve(0);
      for (let i = 0; i < n; i++) p = p.then(v => v + 1);
      if (await p !== n) throw new Error('wrong');
    });
  },
  async bind_pending(n) {
    await time('node', n, async () => {
      for (let i = 0; i < n / 100; i++) {
        let wakeup, p = new Promise(f => { wakeup = f; });
        for (let j = 0; j < 100; j++) p = p.then(v => v + 1);
        wakeup(0);
        if (await p !== 100) throw new Error('wrong');
      }
    });
  },
  async await_resolved(n) {
    await time('node', n, async () => {
      let sum = 0;
      for (let i = 0; i < n; i++) sum += await Promise.resolve(1);
      if (sum !== n) throw new Error('wrong');
    });
  },
  async handover(n) {
    const a = new MVar(), b = new MVar();
    const one = async () => { for (let i = 0; i < n / 2; i++) { await a.put(i); await b.take(); } };
    const two = async () => { for (let i = 0; i < n / 2; i++) await b.put(await a.take()); };
    await time('node_mvar', n, () => Promise.all([two(), one()]));
  },
  async yield(n) {
    const f = async () => { for (let i = 0; i < n / 1000; i++) await null; };
    await time('node_microtask', n, () => Promise.all(Array.from({ length: 1000 }, f)));
    const g = async () => { for (let i = 0; i < n / 1000; i++) await new Promise(setImmediate); };
    await time('node_immediate', n, () => Promise.all(Array.from({ length: 1000 }, g)));
  },
  async spawn(n) {
    const trivial = async v => v;
    await time('node', n, async () => { for (let i = 0; i < n; i++) trivial(i); });
  },
  async sleepers(n) {
    await time('node', n, async () => {
      const nap = async i => { await sleep(1000 + 1000 * i / n); };
      const all = [];
      for (let i = 0; i < n; i++) all.push(nap(i));
      await Promise.all(all);
    });
  },
  async files(n) {
    await time('node', n, () => each(64, n, async i => {
      const file = await fs.open(`${data}/small/${i}`), buffer = Buffer.allocUnsafe(4096);
      if ((await file.read(buffer, 0, 4096, 0)).bytesRead !== 4096) throw new Error('short');
      await file.close();
    }));
    await time('node_readFile', n, () => each(64, n, async i => {
      if ((await fs.readFile(`${data}/small/${i}`)).length !== 4096) throw new Error('short');
    }));
  },
  async copy(from) {
    const to = from + '.copy', start = now(), buffer = Buffer.allocUnsafe(65536);
    const input = await fs.open(from), output = await fs.open(to, 'w');
    let bytes = 0;
    for (;;) {
      const { bytesRead } = await input.read(buffer, 0, 65536, null);
      if (!bytesRead) break;
      await output.write(buffer, 0, bytesRead);
      bytes += bytesRead;
    }
    await input.close();
    await output.close();
    report('node', now() - start, bytes);
    await fs.rm(to);
  },
  async lines(path) {
    const lines = () => readline.createInterface({ input: createReadStream(path), crlfDelay: Infinity });
    let n = 0, start = now();
    await new Promise(done => lines().on('line', () => n++).on('close', done));
    report('node', now() - start, n);
    n = 0;
    start = now();
    for await (const line of lines()) n++;
    report('node_for_await', now() - start, n);
  },
  async processes(n) {
    await time('node', n, () => each(16, n, () => new Promise((done, fail) =>
      spawn('/bin/true', [], { stdio: 'ignore' }).on('exit', done).on('error', fail))));
  },
  async detach(n) {
    const { call, end } = workers();
    await Promise.all([call('add', 1), call('add', 1)]);
    await time('node', n, () => each(64, n, i => call('add', i)));
    await time('node_alone', n / 10, () => each(1, n / 10, i => call('add', i)));
    end();
  },
  async cpu(n) {
    const { call, end } = workers();
    await Promise.all([call('add', 1), call('add', 1)]);
    const one = await time('node_serial', 2, () => { fib(n); fib(n); });
    const start = now();
    await Promise.all([call('fib', n), call('fib', n)]);
    const two = now() - start;
    report('node', two, 2, `speedup=${one / two}`);
    end();
  },
  async stream(n) {
    async function* from() { for (let i = 1; i <= n; i++) yield i; }
    async function* map(s, f) { for await (const v of s) yield f(v); }
    async function* filter(s, f) { for await (const v of s) if (f(v)) yield v; }
    await time('node', n, async () => {
      let sum = 0;
      for await (const v of filter(map(from(), v => v + 1), v => v % 2 === 0)) sum += v;
    });
  },
  async mvar(n) {
    const m = new MVar();
    await time('node', n, async () => {
      for (let i = 0; i < n; i++) { await m.put(i); await m.take(); }
    });
    await time('node_two', n, () => Promise.all([
      (async () => { for (let i = 0; i < n; i++) await m.put(i); })(),
      (async () => { for (let i = 0; i < n; i++) await m.take(); })()]));
  },
};

if (isMainThread) {
  const size = process.argv[3];
  await W[workload](isNaN(size) ? size : Number(size));
} else {
  parentPort.on('message', ([id, operation, v]) =>
    parentPort.postMessage([id, operation === 'fib' ? fib(v) : v + 1]));
}
