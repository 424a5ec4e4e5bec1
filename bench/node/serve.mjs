// node: servers. node serve.mjs echo|http|http_by_hand PORT

import net from 'node:net';
import http from 'node:http';

const [, , mode, port] = process.argv;
const hello = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 11\r\n\r\nhello world';

const servers = {
  echo: () => net.createServer({ noDelay: true }, c => {
    c.on('data', data => c.write(data));
    c.on('error', () => c.destroy());
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
