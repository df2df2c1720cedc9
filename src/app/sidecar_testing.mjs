// Starts the inference sidecar for tests, on free ports, and stops it by its process id.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

const kDeadlineMs = 60_000;

// args: beside the addresses. gives {ports, process, until, metrics, health, stop, output}.
export async function startSidecar(args, { grpc = false } = {}) {
  const folder = fs.mkdtempSync(path.join(process.env.TEST_TMPDIR, 'sidecar-'));
  const portsFile = path.join(folder, 'ports.json');
  const child = spawn(
    process.env.ASSAY_SIDECAR,
    [
      ...['--http-addr', '127.0.0.1:0', '--metrics-addr', '127.0.0.1:0'],
      ...['--grpc-addr', grpc ? '127.0.0.1:0' : '', '--ports-file', portsFile],
      ...args,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const sidecar = { process: child, output: '', exit: null, ports: null };
  child.stderr.on('data', (data) => (sidecar.output += data));
  const exited = new Promise((resolve) => {
    child.on('exit', (code, signal) => {
      sidecar.exit = { code, signal };
      resolve(sidecar.exit);
    });
  });

  sidecar.until = async (condition) => {
    const begin = Date.now();
    while (!(await condition())) {
      if (Date.now() - begin > kDeadlineMs) throw new Error(`in vain: ${condition}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  sidecar.metrics = async () => {
    const text = await (await fetch(`http://127.0.0.1:${sidecar.ports.metrics}/metrics`)).text();
    const values = {};
    for (const line of text.split('\n')) {
      const space = line.lastIndexOf(' ');
      if (!line.startsWith('#') && space > 0) values[line.slice(0, space)] = Number(line.slice(space));
    }
    return values;
  };
  sidecar.health = async () => {
    const response = await fetch(`http://127.0.0.1:${sidecar.ports.metrics}/health`);
    return { status: response.status, body: await response.json() };
  };
  sidecar.stop = async () => {
    if (sidecar.exit === null) child.kill('SIGTERM');
    return exited;
  };
  sidecar.exited = exited;

  await sidecar.until(() => fs.existsSync(portsFile) || sidecar.exit !== null);
  if (sidecar.exit === null) sidecar.ports = JSON.parse(fs.readFileSync(portsFile, 'utf8'));
  return sidecar;
}
