// The inference sidecar as existing programs meet it: the official OpenAI client, unchanged,
// against the program itself. Run by ctest (app.OpenAiClient) with the environment of CMakeLists.txt.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { startSidecar } from './sidecar_testing.mjs';

const require = createRequire(path.join(process.env.ASSAY_NPM, 'package.json'));
const OpenAI = require('openai').default ?? require('openai');

const kTemplate =
  "{{ bos_token }}{% for m in messages %}{{ '\\n' + m['role'] + ': ' + m['content'] }}" +
  "{% if m['role'] not in ['system', 'user', 'assistant'] %}" +
  "{{ raise_exception('unknown role ' + m['role']) }}{% endif %}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '\\nassistant:' }}{% endif %}";

let sidecar;
let client;

before(async () => {
  // lexi-nano as a folder, with a chat template of its own.
  const folder = fs.mkdtempSync(path.join(process.env.TEST_TMPDIR, 'openai-'));
  fs.cpSync(path.join(process.env.ASSAY_TESTDATA, 'models/lexi-nano/lexi-nano-hf'), folder, {
    recursive: true,
  });
  fs.writeFileSync(path.join(folder, 'chat_template.jinja'), kTemplate);
  sidecar = await startSidecar(['--model-path', folder, '--model-name', 'lexi', '--random-seed', '9']);
  client = new OpenAI({
    baseURL: `http://127.0.0.1:${sidecar.ports.http}/v1`,
    apiKey: 'none',
    maxRetries: 0,
  });
});

after(async () => {
  await sidecar.stop();
});

const kPrompt = { model: 'lexi', prompt: 'And it came to pass', max_tokens: 12 };

async function collect(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

test('models are listed and retrieved', async () => {
  const names = [];
  for await (const model of client.models.list()) names.push(model.id);
  assert.deepEqual(names, ['lexi']);
  const model = await client.models.retrieve('lexi');
  assert.equal(model.object, 'model');
  assert.match(model.assay.artifact_sha256, /^[0-9a-f]{64}$/);
});

test('a completion is the same each time, with the same seed or none', async () => {
  const { data, response } = await client.completions.create(kPrompt).withResponse();
  assert.equal(data.object, 'text_completion');
  assert.equal(data.choices.length, 1);
  assert.ok(data.choices[0].text.length > 0);
  assert.equal(data.choices[0].finish_reason, 'length');
  assert.equal(data.usage.completion_tokens, 12);
  assert.equal(data.usage.total_tokens, data.usage.prompt_tokens + 12);
  assert.equal(response.headers.get('x-assay-transcript'), data.choices[0].assay.transcript_sha256);
  assert.equal(response.headers.get('x-assay-profile'), 'f32-fma16-v1');
  assert.equal(response.headers.get('x-assay-model-digest'), data.assay.artifact_sha256);
  const again = await client.completions.create({ ...kPrompt, seed: 9 });
  assert.equal(again.choices[0].assay.transcript_sha256, data.choices[0].assay.transcript_sha256);
  const other = await client.completions.create({ ...kPrompt, seed: 10 });
  assert.notEqual(other.choices[0].text, data.choices[0].text);
});

test('a stream says what the whole answer says', async () => {
  const whole = await client.completions.create({ ...kPrompt, max_tokens: 40 });
  const chunks = await collect(
    await client.completions.create({
      ...kPrompt,
      max_tokens: 40,
      stream: true,
      stream_options: { include_usage: true },
    }),
  );
  const text = chunks.map((chunk) => chunk.choices[0]?.text ?? '').join('');
  assert.equal(text, whole.choices[0].text);
  const last = chunks.filter((chunk) => chunk.choices[0]?.finish_reason).at(-1);
  assert.equal(last.choices[0].assay.transcript_sha256, whole.choices[0].assay.transcript_sha256);
  assert.deepEqual(
    { ...chunks.at(-1).usage, prompt_tokens_details: null },
    { ...whole.usage, prompt_tokens_details: null },
  );
  assert.ok(chunks.length > 10, 'it came piece by piece');
});

test('log-probabilities are those of the tokens, echoed prompt included', async () => {
  const { choices } = await client.completions.create({
    ...kPrompt,
    temperature: 0,
    logprobs: 3,
    echo: true,
  });
  const { tokens, token_logprobs, top_logprobs, text_offset } = choices[0].logprobs;
  assert.ok(choices[0].text.startsWith(kPrompt.prompt));
  assert.equal(tokens.length, token_logprobs.length);
  assert.equal(tokens.length, text_offset.length);
  assert.equal(token_logprobs[0], null);
  assert.equal(top_logprobs[0], null);
  for (let i = tokens.length - 12; i < tokens.length; ++i) {
    // Greedy: the most likely one was taken.
    const best = Math.max(...Object.values(top_logprobs[i]));
    assert.equal(token_logprobs[i], best);
    assert.ok(best <= 0);
  }
  // The same text, only scored, has the same log-probabilities.
  const scored = await client.completions.create({
    ...kPrompt,
    max_tokens: 0,
    logprobs: 0,
    echo: true,
  });
  const prompt = scored.choices[0].logprobs;
  assert.deepEqual(prompt.token_logprobs, token_logprobs.slice(0, prompt.tokens.length));
});

test('stop texts end an answer before them', async () => {
  const free = await client.completions.create({ ...kPrompt, temperature: 0, max_tokens: 30 });
  const text = free.choices[0].text;
  const stop = text.slice(10, 13);
  for (const stream of [false, true]) {
    const answer = await client.completions.create({
      ...kPrompt,
      temperature: 0,
      max_tokens: 30,
      stop: ['never seen', stop],
      stream,
    });
    const got = stream
      ? (await collect(answer)).map((chunk) => chunk.choices[0].text).join('')
      : answer.choices[0].text;
    assert.equal(got, text.slice(0, text.indexOf(stop)));
  }
});

test('n choices, several prompts, tokens as prompts', async () => {
  const many = await client.completions.create({
    ...kPrompt,
    prompt: ['And it came to pass', 'In the beginning'],
    n: 3,
  });
  assert.deepEqual(
    many.choices.map((choice) => choice.index),
    [0, 1, 2, 3, 4, 5],
  );
  assert.equal(new Set(many.choices.slice(0, 3).map((choice) => choice.text)).size, 3);
  const one = await client.completions.create(kPrompt);
  assert.equal(many.choices[0].text, one.choices[0].text);
  const tokenized = await (
    await fetch(`http://127.0.0.1:${sidecar.ports.http}/tokenize`, {
      method: 'POST',
      body: JSON.stringify({ content: kPrompt.prompt }),
    })
  ).json();
  const from_tokens = await client.completions.create({ ...kPrompt, prompt: tokenized.tokens });
  assert.equal(from_tokens.choices[0].text, one.choices[0].text);
});

test('tokenize and detokenize are each other\'s inverse', async () => {
  const post = async (route, body) =>
    (
      await fetch(`http://127.0.0.1:${sidecar.ports.http}/${route}`, {
        method: 'POST',
        body: JSON.stringify(body),
      })
    ).json();
  const text = 'Let there be light, and ünïcödé';
  const { tokens, count } = await post('tokenize', { content: text, add_special: false });
  assert.equal(tokens.length, count);
  const { content } = await post('detokenize', { tokens });
  assert.equal(content.trim(), text);
});

const kChat = {
  model: 'lexi',
  messages: [
    { role: 'system', content: 'Speak like a prophet.' },
    { role: 'user', content: [{ type: 'text', text: 'Who made heaven and earth?' }] },
  ],
  max_tokens: 16,
};

test('a chat goes through the template of the model', async () => {
  const chat = await client.chat.completions.create(kChat);
  assert.equal(chat.object, 'chat.completion');
  assert.equal(chat.choices[0].message.role, 'assistant');
  // The same as a completion of the text that the template makes.
  const text = '<s>\nsystem: Speak like a prophet.\nuser: Who made heaven and earth?\nassistant:';
  const tokens = await (
    await fetch(`http://127.0.0.1:${sidecar.ports.http}/tokenize`, {
      method: 'POST',
      body: JSON.stringify({ content: text, add_special: false }),
    })
  ).json();
  const completion = await client.completions.create({
    model: 'lexi',
    prompt: tokens.tokens,
    max_tokens: 16,
  });
  assert.equal(chat.choices[0].message.content, completion.choices[0].text);
  assert.equal(
    chat.choices[0].assay.transcript_sha256,
    completion.choices[0].assay.transcript_sha256,
  );
});

test('a chat streams, with log-probabilities', async () => {
  const whole = await client.chat.completions.create({ ...kChat, logprobs: true, top_logprobs: 2 });
  const chunks = await collect(
    await client.chat.completions.create({
      ...kChat,
      logprobs: true,
      top_logprobs: 2,
      stream: true,
    }),
  );
  assert.equal(chunks[0].choices[0].delta.role, 'assistant');
  const text = chunks.map((chunk) => chunk.choices[0].delta.content ?? '').join('');
  assert.equal(text, whole.choices[0].message.content);
  const tokens = chunks.flatMap((chunk) => chunk.choices[0].logprobs?.content ?? []);
  assert.deepEqual(tokens, whole.choices[0].logprobs.content);
  for (const token of tokens) {
    assert.equal(token.top_logprobs.length, 2);
    assert.equal(Buffer.from(token.bytes).toString(), token.token);
  }
});

test('errors have the shape that the client knows', async () => {
  await assert.rejects(client.completions.create({ ...kPrompt, temperature: -1 }), (error) => {
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.equal(error.param, 'temperature');
    assert.match(error.message, /temperature: is -1/);
    return true;
  });
  await assert.rejects(client.completions.create({ ...kPrompt, model: 'gpt-9' }), (error) => {
    assert.ok(error instanceof OpenAI.NotFoundError);
    assert.equal(error.code, 'model_not_found');
    assert.match(error.message, /there are: lexi/);
    return true;
  });
  const wrong_role = { ...kChat, messages: [{ role: 'wizard', content: 'x' }] };
  await assert.rejects(client.chat.completions.create(wrong_role), (error) => {
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.match(error.message, /unknown role wizard/);
    return true;
  });
  await assert.rejects(
    client.chat.completions.create({
      ...kChat,
      tools: [{ type: 'function', function: { name: 'f', parameters: {} } }],
    }),
    (error) => error instanceof OpenAI.BadRequestError && error.param === 'tools',
  );
  await assert.rejects(
    client.completions.create({ ...kPrompt, prompt: 'word '.repeat(1000) }),
    (error) => error instanceof OpenAI.BadRequestError && /context/.test(error.message),
  );
});

test('a client that goes away frees the engine', async () => {
  const controller = new AbortController();
  const stream = await client.completions.create(
    { ...kPrompt, max_tokens: 240, stream: true, ignore_eos: true },
    { signal: controller.signal },
  );
  const first = await stream[Symbol.asyncIterator]().next();
  assert.equal(first.done, false);
  controller.abort();
  await sidecar.until(async () => {
    const metrics = await sidecar.metrics();
    return (
      metrics['assay_inference_running_requests{model="lexi"}'] === 0 &&
      metrics['assay_inference_queued_requests{model="lexi"}'] === 0
    );
  });
});

test('among many others each answer is the one it is alone', async () => {
  const alone = (await client.completions.create({ ...kPrompt, seed: 1 })).choices[0];
  const others = [];
  for (let i = 0; i < 100; ++i) {
    others.push(
      client.completions.create({
        model: 'lexi',
        prompt: 'word '.repeat(i % 30),
        max_tokens: 1 + (i % 20),
        seed: i,
        user: `user ${i % 5}`,
      }),
    );
    if (i % 10 !== 0) continue;
    others.push(
      client.completions.create({ ...kPrompt, seed: 1 }).then(({ choices }) => {
        assert.equal(choices[0].assay.transcript_sha256, alone.assay.transcript_sha256);
      }),
    );
  }
  await Promise.all(others);
});

test('metrics count what was asked', async () => {
  const before_count = await sidecar.metrics();
  await client.completions.create(kPrompt);
  await client.chat.completions.create(kChat);
  const after_count = await sidecar.metrics();
  const grew = (name) => after_count[name] - before_count[name];
  assert.equal(grew('veid_inference_total{face="http",method="completion",status="ok"}'), 1);
  assert.equal(grew('veid_inference_total{face="http",method="chat",status="ok"}'), 1);
  assert.equal(grew('assay_inference_generated_tokens_total'), 28);
  assert.equal(after_count['veid_inference_sidecar_healthy'], 1);
});
