// The inference sidecar as a program: what it refuses to start with, exit codes, memory, planted
// damage, signals. Run by ctest (app.SidecarProgram).
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { test } from 'node:test';

import { startSidecar } from './sidecar_testing.mjs';

const kModels = path.join(process.env.ASSAY_TESTDATA, 'models/lexi-nano');
const kModel = path.join(kModels, 'lexi-nano-q8_0.gguf');
const kOther = path.join(kModels, 'lexi-nano-seed2-f16.gguf');

const sha256 = (file) => crypto.createHash('sha256').update(fs.readFileSync(file)).digest('hex');
const folder = () => fs.mkdtempSync(path.join(process.env.TEST_TMPDIR, 'program-'));

function copyOfModel() {
  const file = path.join(folder(), 'model.gguf');
  fs.copyFileSync(kModel, file);
  return file;
}

async function complete(sidecar, body) {
  const response = await fetch(`http://127.0.0.1:${sidecar.ports.http}/v1/completions`, {
    method: 'POST',
    body: JSON.stringify({ prompt: 'And it came to pass', max_tokens: 20, ...body }),
  });
  return { status: response.status, headers: response.headers, body: await response.json() };
}
const transcript = ({ body }) => body.choices[0].assay.transcript_sha256;

test('refuses a file with another digest, and prints both', async () => {
  const wrong = 'ab'.repeat(32);
  const sidecar = await startSidecar(['--model-path', kModel, '--expected-hash', wrong]);
  assert.deepEqual(await sidecar.exited, { code: 65, signal: null });
  assert.ok(sidecar.output.includes(wrong));
  assert.ok(sidecar.output.includes(sha256(kModel)));
});

test('serves the file with the digest that sha256sum prints', async () => {
  const sidecar = await startSidecar(['--model-path', kModel, '--expected-hash', sha256(kModel)]);
  const answer = await complete(sidecar);
  assert.equal(answer.headers.get('x-assay-model-digest'), sha256(kModel));
  assert.deepEqual(await sidecar.stop(), { code: 0, signal: null });
});

test('usage errors, missing files and taken ports have their exit codes', async () => {
  const run = (...args) =>
    spawnSync(process.env.ASSAY_SIDECAR, args, { encoding: 'utf8', timeout: 60_000 });
  assert.equal(run().status, 64);
  assert.equal(run('--no-such-option').status, 64);
  assert.equal(run('--model-path', kModel, '--force-cpu=false').status, 64);
  assert.equal(run('--model-path', kModel, '--expected-hash', 'xyz').status, 64);
  const off = ['--http-addr', '', '--grpc-addr', '', '--metrics-addr', ''];
  const missing = run('--model-path', '/no/such/model.gguf', ...off);
  assert.equal(missing.status, 66);
  assert.match(missing.stderr, /no\/such\/model\.gguf/);
  const sidecar = await startSidecar(['--model-path', kModel]);
  const taken = run('--model-path', kModel, '--grpc-addr', '', '--metrics-addr', '',
    '--http-addr', `127.0.0.1:${sidecar.ports.http}`);
  assert.equal(taken.status, 69);
  assert.match(taken.stderr, new RegExp(`127.0.0.1:${sidecar.ports.http}`));
  assert.equal((await sidecar.stop()).code, 0);
  assert.match(run('--help').stdout, /--expected-hash/);
});

test('the environment of the run-book is read', async () => {
  const env = process.env;
  process.env = { ...env, VEID_INFERENCE_MODEL_PATH: kModel, VEID_INFERENCE_MODEL_HASH: 'cd'.repeat(32) };
  const sidecar = await startSidecar([]);
  process.env = env;
  assert.equal((await sidecar.exited).code, 65);
});

test('goldens: pinned, met, and caught when they or the model change', async () => {
  const file = copyOfModel();
  execFileSync(process.env.ASSAY_SIDECAR, ['--model-path', file, '--pin-goldens', '3'], {
    timeout: 60_000,
  });
  const goldens = `${file}.goldens.json`;
  const json = JSON.parse(fs.readFileSync(goldens, 'utf8'));
  assert.equal(json.vectors.length, 3);
  let sidecar = await startSidecar(['--model-path', file, '--require-goldens']);
  assert.equal((await sidecar.health()).status, 200);
  assert.equal((await sidecar.stop()).code, 0);

  // A golden that says something else.
  const changed = structuredClone(json);
  changed.vectors[1].transcript = '00'.repeat(32);
  fs.writeFileSync(goldens, JSON.stringify(changed));
  sidecar = await startSidecar(['--model-path', file]);
  assert.equal((await sidecar.exited).code, 65);
  assert.match(sidecar.output, new RegExp(json.vectors[1].id));

  // Goldens of another model.
  fs.writeFileSync(goldens, JSON.stringify(json));
  fs.copyFileSync(kOther, file);
  sidecar = await startSidecar(['--model-path', file]);
  assert.equal((await sidecar.exited).code, 65);

  // None, where they are asked for.
  fs.rmSync(goldens);
  sidecar = await startSidecar(['--model-path', file, '--require-goldens']);
  assert.equal((await sidecar.exited).code, 65);
  assert.match(sidecar.output, /goldens/);
});

test('only what is approved is served', async () => {
  const governance = path.join(folder(), 'governance.json');
  const approve = (digest) =>
    fs.writeFileSync(
      governance,
      JSON.stringify({
        schema: 'assay.governance.v1',
        approvals: [{ digest, name: 'lexi', from_time: '2020-01-01T00:00:00Z' }],
      }),
    );
  approve(sha256(kOther));
  let sidecar = await startSidecar(['--model-path', kModel, '--governance', governance]);
  assert.equal((await sidecar.exited).code, 65);
  assert.ok(sidecar.output.includes(sha256(kModel)));
  approve(sha256(kModel));
  sidecar = await startSidecar(['--model-path', kModel, '--governance', governance]);
  assert.equal((await complete(sidecar)).status, 200);
  assert.equal((await sidecar.stop()).code, 0);
});

test('several models are served by name', async () => {
  const other = path.join(kModels, 'lexi-nano-f32.gguf');
  const sidecar = await startSidecar(['--model', `a=${kModel}`, '--model', `b=${other}`]);
  const a = await complete(sidecar, { model: 'a' });
  const b = await complete(sidecar, { model: 'b' });
  assert.notEqual(transcript(a), transcript(b));
  assert.equal(transcript(await complete(sidecar)), transcript(a)); // the first is the default
  assert.equal((await complete(sidecar, { model: 'c' })).status, 404);
  assert.equal((await sidecar.stop()).code, 0);
});

test('a full queue says when to come again', async () => {
  const sidecar = await startSidecar(
    ['--model-path', kModel, '--max-queued', '2', '--max-running', '1'],
  );
  const answers = await Promise.all(
    Array.from({ length: 40 }, () => complete(sidecar, { max_tokens: 200, ignore_eos: true })),
  );
  const refused = answers.filter(({ status }) => status === 429);
  assert.ok(refused.length > 5);
  for (const { headers, body } of refused) {
    assert.ok(Number(headers.get('retry-after')) >= 1);
    assert.equal(body.error.code, 'rate_limit_exceeded');
  }
  const served = answers.filter(({ status }) => status === 200);
  assert.equal(served.length + refused.length, 40);
  assert.equal(new Set(served.map(transcript)).size, 1);
  assert.equal((await sidecar.stop()).code, 0);
});

test('SIGTERM under load: what has begun is answered, the rest is told, nothing hangs', async () => {
  const sidecar = await startSidecar(['--model-path', kModel, '--max-running', '4']);
  const results = [];
  // As much as a build with sanitizers answers well within the time that it has to end.
  const tokens = process.env.ASSAY_SANITIZE ? 30 : 150;
  const running = Array.from({ length: 60 }, (_, i) =>
    complete(sidecar, { max_tokens: tokens, ignore_eos: true, seed: i % 3 }).then(
      (answer) => results.push(answer),
      (error) => results.push({ status: 0, error }),
    ),
  );
  await sidecar.until(async () => {
    const metrics = await sidecar.metrics();
    return metrics['assay_inference_running_requests{model="lexi-nano-q8_0"}'] > 0;
  });
  const exit = await sidecar.stop();
  await Promise.all(running);
  assert.deepEqual(exit, { code: 0, signal: null });
  assert.equal(results.length, 60);
  const statuses = new Set(results.map(({ status }) => status));
  assert.ok(results.filter(({ status }) => status === 200).length >= 4);
  for (const status of statuses) assert.ok([0, 200, 503].includes(status), `${status}`);
  const transcripts = new Set(results.filter(({ status }) => status === 200).map(transcript));
  assert.ok(transcripts.size <= 3);
});

// Sanitizers take memory of their own.
const kMemory = { skip: process.env.ASSAY_SANITIZE ? 'sanitized' : false };
test('memory stays below its bound, whatever is asked', kMemory, async () => {
  const sidecar = await startSidecar(['--model-path', kModel, '--max-memory-mb', '64']);
  await Promise.all(
    Array.from({ length: 200 }, (_, i) =>
      complete(sidecar, { prompt: 'word '.repeat(i % 60), max_tokens: 150, ignore_eos: true, seed: i }),
    ),
  );
  const status = fs.readFileSync(`/proc/${sidecar.process.pid}/status`, 'utf8');
  const peak = Number(status.match(/^VmHWM:\s+(\d+)/m)[1]);
  assert.ok(peak < 64 * 1024, `${peak} KiB`);
  assert.equal((await sidecar.stop()).code, 0);
});

test('a model that does not fit is computed from disk, with the same bits', kMemory, async () => {
  const file = path.join(folder(), 'large.gguf');
  execFileSync(process.env.ASSAY_PROGRAM, ['synth', file, '--params', '120M', '--type', 'f16']);
  const ask = async (...args) => {
    const sidecar = await startSidecar(['--model-path', file, '--context', '64', ...args]);
    const models = await (await fetch(`http://127.0.0.1:${sidecar.ports.http}/v1/models`)).json();
    const answer = await complete(sidecar, { prompt: [1, 2, 3], max_tokens: 3, ignore_eos: true });
    const status = fs.readFileSync(`/proc/${sidecar.process.pid}/status`, 'utf8');
    assert.equal((await sidecar.stop()).code, 0);
    return {
      offloaded: models.data[0].assay.offloaded,
      transcript: transcript(answer),
      peak_mib: Number(status.match(/^VmHWM:\s+(\d+)/m)[1]) / 1024,
    };
  };
  const resident = await ask();
  const offloaded = await ask('--max-memory-mb', '192');
  fs.rmSync(file);
  assert.equal(resident.offloaded, false);
  assert.equal(offloaded.offloaded, true);
  assert.equal(offloaded.transcript, resident.transcript);
  assert.ok(offloaded.peak_mib < 192, `${offloaded.peak_mib} MiB`);
  assert.ok(resident.peak_mib > 192, `${resident.peak_mib} MiB`);
});

test('spans of a request go to the collector, in the trace of its caller', async () => {
  const spans = [];
  const collector = http.createServer((request, response) => {
    let text = '';
    request.on('data', (data) => (text += data));
    request.on('end', () => {
      for (const resource of JSON.parse(text).resourceSpans) {
        for (const scope of resource.scopeSpans) spans.push(...scope.spans);
      }
      response.end('{}');
    });
  });
  await new Promise((resolve) => collector.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${collector.address().port}/v1/traces`;
  const sidecar = await startSidecar(['--model-path', kModel, '--otlp-endpoint', endpoint]);
  const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
  await fetch(`http://127.0.0.1:${sidecar.ports.http}/v1/completions`, {
    method: 'POST',
    headers: { traceparent: `00-${trace}-00f067aa0ba902b7-01` },
    body: JSON.stringify({ prompt: 'a', max_tokens: 5, ignore_eos: true }),
  });
  await sidecar.stop(); // sends what is queued
  collector.close();
  assert.equal(spans.length, 1);
  assert.equal(spans[0].traceId, trace);
  assert.equal(spans[0].parentSpanId, '00f067aa0ba902b7');
  const attributes = Object.fromEntries(spans[0].attributes.map(({ key, value }) => [key, value]));
  assert.equal(attributes['assay.generated_tokens'].intValue, '5');
  assert.equal(attributes['assay.model'].stringValue, 'lexi-nano-q8_0');
});

test('logs are JSON lines without what was asked or answered', async () => {
  const sidecar = await startSidecar(['--model-path', kModel, '--log-level', 'debug']);
  const secret = 'planted-secret-7f3a';
  await fetch(`http://127.0.0.1:${sidecar.ports.http}/v1/completions?api_key=${secret}`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${secret}`, 'X-Request-Id': 'my-request-1' },
    body: JSON.stringify({ prompt: `${secret} and more`, max_tokens: 2, user: 'someone' }),
  });
  await sidecar.stop();
  const lines = sidecar.output.trim().split('\n').map((line) => JSON.parse(line));
  assert.ok(lines.some((line) => line.request_id === 'my-request-1'));
  assert.ok(lines.some((line) => line.message === 'serving'));
  assert.ok(!sidecar.output.includes(secret));
});
