// The alerts of the inference sidecar with a real Prometheus: the rules are well formed, say what
// they should on made-up series, refer to metrics that the program emits, and fire when it is
// killed. Run by ctest (app.SidecarAlerts).
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { startSidecar } from './sidecar_testing.mjs';

const kRules = path.join(process.env.ASSAY_SOURCE, 'deploy/prometheus/inference-sidecar.rules.yml');
const kModel = path.join(process.env.ASSAY_TESTDATA, 'models/lexi-nano/lexi-nano-q8_0.gguf');

let sidecar;
let prometheus;
let base;

async function freePort() {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function query(route) {
  const response = await fetch(`${base}/api/v1/${route}`);
  return (await response.json()).data;
}

before(async () => {
  sidecar = await startSidecar(['--model-path', kModel]);
  const folder = fs.mkdtempSync(path.join(process.env.TEST_TMPDIR, 'prometheus-'));
  // The rules as they are, but without the minutes that a state has to last.
  const rules = fs.readFileSync(kRules, 'utf8').replace(/^( +for: )\d+m$/gm, '$10s');
  fs.writeFileSync(path.join(folder, 'rules.yml'), rules);
  fs.writeFileSync(
    path.join(folder, 'prometheus.yml'),
    `global: {scrape_interval: 200ms, evaluation_interval: 200ms}
rule_files: [rules.yml]
scrape_configs:
  - job_name: inference-sidecar
    static_configs: [{targets: ['127.0.0.1:${sidecar.ports.metrics}']}]
`,
  );
  const port = await freePort();
  base = `http://127.0.0.1:${port}`;
  prometheus = spawn(
    'prometheus',
    [
      `--config.file=${folder}/prometheus.yml`,
      `--storage.tsdb.path=${folder}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdio: 'ignore' },
  );
  await sidecar.until(async () => {
    try {
      return (await fetch(`${base}/-/ready`)).status === 200;
    } catch {
      return false;
    }
  });
});

after(async () => {
  if (prometheus) {
    const gone = new Promise((resolve) => prometheus.on('exit', resolve));
    prometheus.kill('SIGTERM');
    await gone;
  }
  await sidecar?.stop();
});

test('the rules are well formed and say what they should', () => {
  execFileSync('promtool', ['check', 'rules', kRules]);
  execFileSync('promtool', ['test', 'rules', kRules.replace('.rules.yml', '.rules.test.yml')]);
});

test('every metric of the rules is one that the program emits', async () => {
  const text = await (await fetch(`http://127.0.0.1:${sidecar.ports.metrics}/metrics`)).text();
  execFileSync('promtool', ['check', 'metrics'], { input: text });
  const expressions = fs
    .readFileSync(kRules, 'utf8')
    .split('\n')
    .filter((line) => !line.includes('alert:'));
  const names = new Set(expressions.join('\n').match(/\b(veid|assay)_[a-z_]+/g));
  assert.ok(names.size >= 5);
  for (const name of names) assert.match(text, new RegExp(`^${name}[{ ]`, 'm'));
});

test('nothing fires while all is well', async () => {
  await sidecar.until(async () => {
    const up = await query('query?query=up');
    return up.result.length === 1 && up.result[0].value[1] === '1';
  });
  assert.deepEqual((await query('alerts')).alerts, []);
});

test('a sidecar that is killed fires its alert', async () => {
  process.kill(sidecar.process.pid, 'SIGKILL');
  await sidecar.exited;
  await sidecar.until(async () => {
    const { alerts } = await query('alerts');
    return alerts.some((a) => a.labels.alertname === 'InferenceSidecarDown' && a.state === 'firing');
  });
});
