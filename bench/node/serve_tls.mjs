// node: a server that speaks TLS. node serve_tls.mjs echo|sink|source CERTIFICATE BYTES PORT

import fs from 'node:fs';
import tls from 'node:tls';

const [, , mode, file, size, port] = process.argv;
const bytes = +size, pem = fs.readFileSync(file), piece = Buffer.alloc(65536, 'x');

const handlers = {
  echo: c => c.on('data', data => c.write(data)),
  sink: c => {
    let had = 0;
    c.on('data', data => {
      had += data.length;
      if (had >= bytes) {
        had = 0;
        c.write('x');
      }
    });
  },
  source: c => {
    let owed = 0;
    function go() {
      while (owed > 0) {
        const n = Math.min(owed, piece.length);
        owed -= n;
        if (!c.write(n < piece.length ? piece.subarray(0, n) : piece)) return;
      }
    }
    c.on('drain', go);
    c.on('data', data => {
      owed += data.length * bytes;
      go();
    });
  },
};
const server = tls.createServer({ cert: pem, key: pem, noDelay: true }, c => {
  c.on('error', () => c.destroy());
  handlers[mode](c);
});
server.on('tlsClientError', () => {});
server.listen(+port, '127.0.0.1', 4096);
