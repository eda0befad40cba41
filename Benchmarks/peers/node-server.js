// The design that image-proxy replaces, on Node alone: a JSON record in Redis, decoded for each hit; on a miss the
// whole image is fetched, sent, and then encoded and stored. One process, as it was deployed.
//
//   node node-server.js PORT REDIS_PORT DATABASE [GATE]
//
// GATE is the size in bytes up to which an image is stored; without it every image is, as before there was a gate.
'use strict';
const http = require('http');
const net = require('net');

const [port, redisPort, database, gate = Infinity] = process.argv.slice(2).map(Number);
const LIFETIME = 24 * 3600;
// 1 MiB rounded down to a multiple of three. The original cut at 1 MiB, which leaves padding inside the text, and
// Buffer.from stops there: its hits of more than 1 MiB were cut. A peer has to send the right bytes, so this one does.
const CHUNK = Math.floor((1 << 20) / 3) * 3;

/// One connection, replies in the order of the commands (RESP2: only what GET and SETEX answer).
class Redis {
  constructor(port) {
    this.waiting = [];
    this.parts = [];
    this.received = 0;
    this.needed = 0;
    this.socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
    this.socket.on('data', (data) => this.take(data));
    this.socket.on('error', (error) => { console.error(error); process.exit(1); });
  }

  call(...words) {
    this.socket.cork();
    this.socket.write(`*${words.length}\r\n`);
    for (const word of words) this.socket.write(`$${Buffer.byteLength(word)}\r\n${word}\r\n`);
    this.socket.uncork();
    return new Promise((resolve, reject) => this.waiting.push({ resolve, reject }));
  }

  take(data) {
    this.parts.push(data);
    this.received += data.length;
    // A large reply comes in many parts: they are joined once, when all are there.
    while (this.received > 0 && this.received >= this.needed) {
      const all = this.parts.length === 1 ? this.parts[0] : Buffer.concat(this.parts);
      this.parts = [all];
      const used = this.reply(all);
      if (used === 0) return;
      const rest = all.subarray(used);
      this.parts = rest.length ? [rest] : [];
      this.received = rest.length;
      this.needed = 0;
    }
  }

  /// Consumes one reply and returns its length; 0 when it is not all there.
  reply(bytes) {
    const end = bytes.indexOf('\r\n');
    if (end < 0) { this.needed = bytes.length + 1; return 0; }
    const kind = String.fromCharCode(bytes[0]);
    const rest = bytes.toString('latin1', 1, end);
    if (kind === '-') { this.waiting.shift().reject(new Error(rest)); return end + 2; }
    if (kind !== '$') { this.waiting.shift().resolve(rest); return end + 2; }
    const length = Number(rest);
    if (length < 0) { this.waiting.shift().resolve(null); return end + 2; }
    this.needed = end + 2 + length + 2;
    if (bytes.length < this.needed) return 0;
    this.waiting.shift().resolve(bytes.toString('utf8', end + 2, end + 2 + length));
    return this.needed;
  }
}

const redis = new Redis(redisPort);
const agent = new http.Agent({ keepAlive: true });

function fetchWhole(url) {
  return new Promise((resolve, reject) => {
    http.get(url, { agent }, (answer) => {
      const parts = [];
      answer.on('data', (part) => parts.push(part));
      answer.on('end', () => answer.complete
        ? resolve({ status: answer.statusCode, type: answer.headers['content-type'], body: Buffer.concat(parts) })
        : reject(new Error('cut')));
      answer.on('error', reject);
    }).on('error', reject);
  });
}

async function store(key, body, contentType) {
  if (body.length > gate) return;
  const texts = [];
  for (let at = 0; at < body.length; at += CHUNK) texts.push(body.subarray(at, at + CHUNK).toString('base64'));
  const now = Date.now();
  const record = {
    data: texts.join(''), contentType, size: body.length, cachedAt: now, expiresAt: now + LIFETIME * 1000,
  };
  await redis.call('SETEX', key, String(LIFETIME), JSON.stringify(record));
}

function respond(response, status, body, contentType, cache) {
  response.writeHead(status, {
    'Content-Type': contentType, 'Content-Length': body.length, 'X-Cache': cache,
    'Cache-Control': 'public, max-age=86400',
  });
  response.end(body);
}

async function answer(request, response) {
  const url = new URL(request.url, 'http://localhost').searchParams.get('url');
  const key = `image-proxy:${url}`;
  const text = await redis.call('GET', key);
  if (text !== null) {
    const record = JSON.parse(text);
    return respond(response, 200, Buffer.from(record.data, 'base64'), record.contentType, 'HIT');
  }
  const image = await fetchWhole(url);
  respond(response, image.status, image.body, image.type, 'MISS');
  if (image.status === 200) await store(key, image.body, image.type);
}

const server = http.createServer((request, response) => {
  answer(request, response).catch((error) => {
    console.error(error);
    if (response.headersSent) response.destroy(); else respond(response, 502, Buffer.from(''), 'text/plain', 'ERROR');
  });
});
server.keepAliveTimeout = 60000;
redis.call('SELECT', String(database)).then(() => server.listen({ port, host: '127.0.0.1', backlog: 4096 }));
process.on('SIGTERM', () => process.exit(0));
