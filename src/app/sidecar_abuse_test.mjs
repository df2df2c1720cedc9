// The inference sidecar under clients that mean it ill, or are merely unlucky: nothing crashes,
// leaks, or is answered twice. Run by ctest (app.SidecarAbuse). ASSAY_ABUSE_STREAMS and
// ASSAY_ABUSE_REQUESTS say how many; tools/soak-sidecar asks for more.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import http from 'node:http';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { startSidecar } from './sidecar_testing.mjs';

const kStreams = Number(process.env.ASSAY_ABUSE_STREAMS ?? 10_000);
const kRequests = Number(process.env.ASSAY_ABUSE_REQUESTS ?? 20_000);
const kModel = path.join(process.env.ASSAY_TESTDATA, 'models/lexi-nano/lexi-nano-q8_0.gguf');
const kPrompt = { prompt: 'And it came to pass', max_tokens: 200, ignore_eos: true };

let sidecar;
const agent = new http.Agent({ keepAlive: true, maxSockets: 32 });

before(async () => {
  sidecar = await startSidecar(['--model-path', kModel, '--max-queued', '2000'], { grpc: true });
});

after(async () => {
  agent.destroy();
  const exit = await sidecar.stop();
  assert.deepEqual(exit, { code: 0, signal: null }, sidecar.output);
});

function post(body, options = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request(
      {
        host: '127.0.0.1',
        port: sidecar.ports.http,
        path: '/v1/completions',
        method: 'POST',
        agent,
        ...options,
      },
      (response) => {
        let text = '';
        response.on('data', (data) => (text += data));
        response.on('end', () => resolve({ status: response.statusCode, text }));
        response.on('error', reject);
      },
    );
    request.on('error', reject);
    request.end(typeof body === 'string' ? body : JSON.stringify(body));
  });
}

// Runs `count` of them, at most `width` at a time.
async function many(count, width, one) {
  let next = 0;
  const worker = async () => {
    while (next < count) await one(next++);
  };
  await Promise.all(Array.from({ length: width }, worker));
}

function status(name) {
  const line = fs.readFileSync(`/proc/${sidecar.process.pid}/status`, 'utf8');
  return Number(line.match(new RegExp(`^${name}:\\s+(\\d+)`, 'm'))[1]);
}

async function idle() {
  await sidecar.until(async () => {
    const metrics = await sidecar.metrics();
    const model = '{model="lexi-nano-q8_0"}';
    return (
      metrics[`assay_inference_running_requests${model}`] === 0 &&
      metrics[`assay_inference_queued_requests${model}`] === 0
    );
  });
}

async function stillServes() {
  const { status: code, text } = await post({ ...kPrompt, max_tokens: 3 });
  assert.equal(code, 200);
  return JSON.parse(text).choices[0].assay.transcript_sha256;
}

test('bodies that are no requests', async () => {
  const expected = await stillServes();
  const bodies = [
    '', '{', 'null', '[]', '"x"', '\u0000', '{"prompt":', '{"prompt": {}}', '{"prompt": [[]]}',
    '{"prompt": "x", "max_tokens": 1e308}', '{"prompt": "x", "n": -1}',
    '{"prompt": "\\ud800"}', `{"prompt": ${'['.repeat(5000)}`, `{"prompt": "${'x'.repeat(2 << 20)}"}`,
    `{${'"a": 1,'.repeat(5000)}"prompt": "x"}`, '{"prompt": "x", "stop": [1]}',
  ];
  for (const body of bodies) {
    const { status: code, text } = await post(body);
    assert.equal(code, 400, `${body.slice(0, 40)}: ${code}`);
    assert.ok(JSON.parse(text).error.message.length > 0);
    assert.ok(text.length < 2000, 'an error does not repeat what it was sent');
  }
  const large = await post('x'.repeat(9 << 20)).catch(() => ({ status: 413 }));
  assert.equal(large.status, 413);
  assert.equal(await stillServes(), expected);
});

test('bytes that are no HTTP, and connections that say nothing', async () => {
  const silent = [];
  for (let i = 0; i < 50; ++i) {
    silent.push(net.connect(sidecar.ports.http, '127.0.0.1'));
    silent.push(net.connect(sidecar.ports.grpc, '127.0.0.1'));
  }
  for (const bytes of [
    'GET\r\n\r\n', '\u0016\u0003\u0001\u0002\u0000', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    'POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    `GET /${'a'.repeat(100000)} HTTP/1.1\r\n\r\n`,
  ]) {
    for (const port of [sidecar.ports.http, sidecar.ports.grpc]) {
      await new Promise((resolve) => {
        const socket = net.connect(port, '127.0.0.1', () => socket.write(bytes));
        socket.on('error', resolve);
        socket.on('close', resolve);
        socket.on('data', () => {});
        setTimeout(() => socket.destroy(), 100);
      });
    }
  }
  await stillServes();
  for (const socket of silent) socket.destroy();
});

test(`${kStreams} streams that are cut`, async () => {
  const expected = await stillServes();
  const body = JSON.stringify({ ...kPrompt, stream: true });
  const request =
    'POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n' +
    `Content-Length: ${body.length}\r\n\r\n${body}`;
  let begun = 0;
  await many(kStreams, 32, (i) =>
    new Promise((resolve) => {
      const socket = net.connect(sidecar.ports.http, '127.0.0.1', () => socket.write(request));
      // Every fourth is cut before its answer begins, the others after the first event.
      if (i % 4 === 0) setImmediate(() => socket.destroy());
      socket.on('data', () => {
        ++begun;
        socket.destroy();
      });
      socket.on('error', resolve);
      socket.on('close', resolve);
    }),
  );
  assert.ok(begun > kStreams / 3, `${begun} began`);
  await idle();
  assert.equal(await stillServes(), expected);
});

test('a client that is killed in the middle of many streams', async () => {
  const script = `
    const http = require('http');
    for (let i = 0; i < 40; ++i) {
      const request = http.request({ port: ${sidecar.ports.http}, method: 'POST',
        path: '/v1/completions' }, (r) => r.once('data', () => process.kill(process.pid, 9)));
      request.end(${JSON.stringify(JSON.stringify({ ...kPrompt, stream: true }))});
    }`;
  assert.throws(() => execFileSync(process.execPath, ['-e', script], { stdio: 'ignore' }));
  await idle();
  await stillServes();
});

test('descriptors run out, and come back', async () => {
  const pid = String(sidecar.process.pid);
  const limit = fs.readFileSync(`/proc/${pid}/limits`, 'utf8').match(/open files\s+(\d+)/)[1];
  const open = fs.readdirSync(`/proc/${pid}/fd`).length;
  execFileSync('prlimit', ['--pid', pid, `--nofile=${open + 20}:`]);
  const sockets = [];
  for (let i = 0; i < 200; ++i) {
    const socket = net.connect(sidecar.ports.http, '127.0.0.1');
    socket.on('error', () => {});
    sockets.push(socket);
  }
  // Whoever is connected is served, whoever is not waits; nothing spins or dies.
  await new Promise((resolve) => setTimeout(resolve, 300));
  const before = fs.readFileSync(`/proc/${sidecar.process.pid}/stat`, 'utf8').split(' ');
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const later = fs.readFileSync(`/proc/${sidecar.process.pid}/stat`, 'utf8').split(' ');
  const ticks = Number(later[13]) + Number(later[14]) - Number(before[13]) - Number(before[14]);
  assert.ok(ticks < 50, `${ticks} ticks of processor time in a second without work`);
  for (const socket of sockets) socket.destroy();
  execFileSync('prlimit', ['--pid', pid, `--nofile=${limit}:`]);
  await stillServes();
});

// Sanitizers keep freed memory for a while.
const kMemory = { skip: process.env.ASSAY_SANITIZE ? 'sanitized' : false };
test(`memory stays where it is over ${kRequests} requests`, kMemory, async (t) => {
  let answered = 0;
  const run = (count) =>
    many(count, 16, async (i) => {
      const { status: code, text } = await post({
        prompt: 'word '.repeat(i % 40),
        max_tokens: 1 + (i % 5),
        seed: i,
      });
      assert.equal(code, 200, text);
      ++answered;
    });
  // The first half also touches each page of the cache for the first time.
  await run(kRequests / 2);
  const before = status('VmRSS');
  await run(kRequests / 2);
  await idle();
  const after = status('VmRSS');
  assert.equal(answered, kRequests);
  t.diagnostic(`resident after half of them ${before} KiB, after all ${after} KiB`);
  assert.ok(after < before * 1.02 + 1024, `from ${before} to ${after} KiB`);
});
