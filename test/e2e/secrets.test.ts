/**
 * A tenant's secret on a real fleet: the tool gets it, and it is found nowhere else. The same search finds a text that is no
 * secret, so it would find the secret.
 */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { jetstreamManager } from '@nats-io/jetstream';
import { probe, readStream, redisOf, withNats } from '@zerofleet/launch';
import type { JobView } from '@zerofleet/protocol';
import { Redis } from 'ioredis';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { clientOf, outputOf, raw } from '../fleet/client.js';

const { stack } = inject('fleet');
const client = clientOf(0);
const WAIT = { waitMs: 30_000 };
const VALUE = `s3cret/${randomBytes(12).toString('hex')}+"quoted" ü\nand a second line`;
/** No secret: it stands where arguments stand. */
const MARKER = `marker-${randomBytes(12).toString('hex')}`;
const REF = { $secret: 'TOKEN' };

/** Says its secret in every form, in pieces, on both streams and in an error. */
const SHOUT = `
import base64, json, sys, time, urllib.parse
value = sys.argv[1]
out = sys.stdout.buffer
out.write(f"length {len(value)} of {1 + (sys.stdin.read() == value)}\\n".encode()); out.flush()
for text in [value, json.dumps(value), json.dumps(value, ensure_ascii=False), repr(value), urllib.parse.quote(value),
             urllib.parse.quote(value, safe=""), base64.b64encode(b"x" + value.encode()).decode(),
             base64.encodebytes(value.encode()).decode(), value.encode().hex()]:
    out.write(text.encode() + b"|")
for byte in value.encode():
    out.write(bytes([byte])); out.flush(); time.sleep(0.002)
sys.stderr.write(value)
raise ValueError(value)
`;

const forms = (value: string): Buffer[] => {
  const bytes = Buffer.from(value);
  const base64 = bytes.toString('base64').replace(/=+$/, '').slice(0, -1);
  const lines = value.split('\n');
  const texts = [
    value,
    JSON.stringify(value).slice(1, -1),
    JSON.stringify(value).slice(1, -1).replaceAll('ü', '\\u00fc'),
    encodeURIComponent(value),
    encodeURIComponent(value).replaceAll('%2F', '/'),
    bytes.toString('hex'),
    base64,
    ...lines,
  ];
  return texts.map((text) => Buffer.from(text));
};

const docker = (...args: string[]): string =>
  execFileSync('docker', args, {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 ** 2,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
const ids = (...args: string[]): string[] =>
  docker(...args)
    .split('\n')
    .filter((id) => id !== '');

/** Everything that the fleet keeps or shows, by where it was found. */
const everything = async (): Promise<ReadonlyMap<string, Buffer>> => {
  const found = new Map<string, Buffer>();
  await withNats(stack, async (connection) => {
    const manager = await jetstreamManager(connection);
    for await (const { config } of manager.streams.list()) {
      const parts: Buffer[] = [];
      await readStream(connection, config.name, (data) => parts.push(Buffer.from(data)));
      found.set(`stream ${config.name}`, Buffer.concat(parts));
    }
  });
  const redis = new Redis({ ...(await redisOf(stack)), maxRetriesPerRequest: 2 });
  const values: Buffer[] = [];
  for await (const keys of redis.scanStream({ count: 1_000 }))
    for (const key of keys as string[]) {
      values.push(Buffer.from(key));
      const value = await redis.dumpBuffer(key);
      if (value !== null) values.push(value);
    }
  redis.disconnect();
  found.set('redis', Buffer.concat(values));
  for (const name of ids(
    'service',
    'ls',
    '--filter',
    `label=com.docker.stack.namespace=${stack}`,
    '--format',
    '{{.Name}}',
  )) {
    found.set(`log of ${name}`, Buffer.from(docker('service', 'logs', '--raw', name)));
    found.set(`service ${name}`, Buffer.from(docker('service', 'inspect', name)));
  }
  found.set('containers', Buffer.from(docker('inspect', ...ids('ps', '-aq'))));
  found.set('tasks', Buffer.from(docker('inspect', ...ids('stack', 'ps', '-q', '--no-trunc', stack))));
  for (const service of ['coordinator', 'worker', 'broker'])
    found.set(`metrics of ${service}`, Buffer.from((await probe(stack, service, '/metrics')) ?? ''));
  return found;
};

const placesOf = (all: ReadonlyMap<string, Buffer>, value: string): string[] =>
  [...all].filter(([, bytes]) => forms(value).some((form) => bytes.includes(form))).map(([place]) => place);

describe('a planted secret', () => {
  const jobs: JobView[] = [];
  let events = '';
  beforeAll(async () => {
    await client.settings.setSecret('TOKEN', VALUE);
    jobs.push(await client.submit({ tool: 'echo', arguments: { text: REF } }, WAIT));
    const code = `# ${MARKER}\n${SHOUT}`;
    const args = { runtime: 'python', code, args: [REF], stdin: REF };
    jobs.push(await client.submit({ tool: 'code_execution', arguments: args }, WAIT));
    const last = await client.submit({ tool: 'echo', arguments: { text: REF } });
    events = await (await raw(`/v1/jobs/${last.id}/events`)).text();
    jobs.push(await client.wait(last.id));
  });

  it('reaches the tool, and is masked in its result and output', () => {
    const [echoed, ran] = jobs;
    expect(echoed).toMatchObject({ stage: 'succeeded', result: { text: '***' } });
    expect(ran).toMatchObject({ stage: 'failed', exitCode: 1 });
    // It had the value: its length is as it is, and each form of it is stars.
    const said = ran === undefined ? '' : outputOf(ran).toString();
    expect(said).toContain(`length ${[...VALUE].length} of 2\n***|`);
    expect(said.split('|')).toHaveLength(10);
    for (const job of jobs) {
      const shown = Buffer.concat([Buffer.from(JSON.stringify(job)), outputOf(job)]);
      for (const form of forms(VALUE)) expect(shown.includes(form), form.toString()).toBe(false);
    }
    expect(events).toContain('***');
    for (const form of forms(VALUE)) expect(events.includes(form.toString())).toBe(false);
  });

  it('is found in no log, message, key, inspection, metric or blob, where a text that is no secret is', async () => {
    const all = await everything();
    expect(placesOf(all, VALUE)).toEqual([]);
    expect(placesOf(all, MARKER)).toContain('stream ZF_LEDGER_s0');
    expect([...all.keys()]).toEqual(
      expect.arrayContaining(['stream KV_ZF_CONTROLS_s0', 'stream OBJ_ZF_BLOBS_s0', 'redis']),
    );
  });

  it('cannot be read back, and is gone for jobs once it is deleted', async () => {
    const listed = await (await raw('/v1/secrets')).text();
    expect(listed).toContain('TOKEN');
    for (const form of forms(VALUE)) expect(listed.includes(form.toString())).toBe(false);
    const late = await client.submit({ tool: 'echo', arguments: { text: REF }, delayMs: 1_500 });
    await client.settings.deleteSecret('TOKEN');
    expect(
      (
        await raw('/v1/jobs', {
          method: 'POST',
          body: JSON.stringify({ tool: 'echo', arguments: { text: REF } }),
        })
      ).status,
    ).toBe(422);
    const ended = await client.wait(late.id, { timeoutMs: 20_000 });
    expect(ended).toMatchObject({ stage: 'failed', error: { code: 'start_failed' } });
    expect(ended.error?.message).toMatch(/the secret 'TOKEN' is not there any more/);
  });
});
