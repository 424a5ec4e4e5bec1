// node: servers. node serve.mjs echo|lines|lines_by_hand|http|http_by_hand PORT

import net from 'node:net';
import http from 'node:http';
import readline from 'node:readline';

const [, , mode, port] = process.argv;
const hello = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 11\r\n\r\nhello world';

const servers = {
  echo: () => net.createServer({ noDelay: true }, c => {
    c.on('data', data => c.write(data));
    c.on('error', () => c.destroy());
  }),
  lines: () => net.createServer({ noDelay: true }, c => {
    c.on('error', () => c.destroy());
    readline.createInterface({ input: c }).on('line', line => c.write(line + '\n'));
  }),
  lines_by_hand: () => net.createServer({ noDelay: true }, c => {
    let buffer = '';
    c.setEncoding('latin1');
    c.on('error', () => c.destroy());
    c.on('data', data => {
      buffer += data;
      let start = 0;
      for (let stop; (stop = buffer.indexOf('\n', start)) >= 0; start = stop + 1) {
        const end = buffer[stop - 1] === '\r' ? stop - 1 : stop;
        c.write(buffer.slice(start, end) + '\n', 'latin1');
      }
      buffer = buffer.slice(start);
    });
  }),
  http: () => http.createServer((request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': 11 });
    response.end('hello world');
  }),
  http_by_hand: () => net.createServer({ noDelay: true }, c => {
    let buffer = '';
    c.setEncoding('latin1');
    c.on('error', () => c.destroy());
    c.on('data', data => {
      buffer += data;
      for (let stop; (stop = buffer.indexOf('\r\n\r\n')) >= 0;) {
        buffer = buffer.slice(stop + 4);
        c.write(hello);
      }
    });
  }),
};
servers[mode]().listen(+port, '127.0.0.1', 4096);
