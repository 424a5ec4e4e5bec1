// node: a large folder, a tree with the size of each file, datagrams, a child's output.
// node system.mjs WORKLOAD SIZE

import fs from 'node:fs/promises';
import dgram from 'node:dgram';
import { spawn } from 'node:child_process';

const now = () => Number(process.hrtime.bigint()) / 1e9;
const [workload, size] = process.argv.slice(2);
const report = (who, seconds, n) => console.log(`RES ${workload}:${who} ${seconds.toFixed(9)} ${n}`);

const W = {
  async scandir(path) {
    let start = now();
    const list = await fs.readdir(path, { withFileTypes: true });
    report('node', now() - start, list.length);
    start = now();
    let n = 0;
    for await (const entry of await fs.opendir(path)) if (entry.name) n++;
    report('node_opendir', now() - start, n);
  },
  async walk(path) {
    const start = now(), folders = [path];
    let n = 0, bytes = 0, busy = 0;
    await new Promise((done, fail) => {
      const next = () => {
        while (busy < 8 && folders.length) { busy++; visit(folders.pop()).then(() => { busy--; next(); }, fail); }
        if (!busy) done();
      };
      const visit = async folder => {
        const list = await fs.readdir(folder, { withFileTypes: true });
        n += list.length;
        await Promise.all(list.map(async entry => {
          const name = `${folder}/${entry.name}`;
          if (entry.isDirectory()) folders.push(name);
          bytes += (await fs.lstat(name)).size;
        }));
      };
      next();
    });
    report('node', now() - start, n);
  },
  async udp(n) {
    const server = dgram.createSocket('udp4'), client = dgram.createSocket('udp4');
    await new Promise(done => server.bind(0, '127.0.0.1', done));
    await new Promise(done => client.connect(server.address().port, '127.0.0.1', done));
    server.on('message', (data, from) => server.send(data, from.port, from.address));
    const text = Buffer.alloc(64, 'x');
    let come = 0, sent = 32;
    const start = now();
    await new Promise(done => {
      client.on('message', () => {
        come++;
        if (sent < n) { sent++; client.send(text); } else if (come === n) done();
      });
      for (let i = 0; i < 32; i++) client.send(text);
    });
    report('node', now() - start, n);
    server.close();
    client.close();
  },
  async pipe(bytes) {
    const measure = async (who, into) => {
      const start = now(), from = spawn('head', ['-c', String(bytes), '/dev/zero'], { stdio: ['ignore', 'pipe', 'inherit'] });
      const ended = p => new Promise(done => p.on('exit', done));
      const all = [ended(from)];
      let sum = 0;
      if (into) all.push(ended(into));
      from.stdout.on('data', chunk => { sum += chunk.length; });
      if (into) from.stdout.pipe(into.stdin);
      await Promise.all(all.concat(new Promise(done => from.stdout.on('end', done))));
      if (sum !== bytes) throw new Error('bytes are missing');
      report(who, now() - start, sum);
    };
    await measure('node');
    await measure('node_two', spawn('cat', [], { stdio: ['pipe', 'ignore', 'inherit'] }));
  },
};

await W[workload](isNaN(size) ? size : Number(size));
