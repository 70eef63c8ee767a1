/** A container registry on loopback that holds a few tiny images: as much of the protocol as an engine needs to pull one. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';
const CONFIG = 'application/vnd.docker.container.image.v1+json';
const LAYER = 'application/vnd.docker.image.rootfs.diff.tar.gzip';
const ARCHITECTURE = process.arch === 'x64' ? 'amd64' : process.arch;

const digestOf = (bytes: Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

export class TinyRegistry {
  private readonly server: Server;
  private readonly blobs = new Map<string, Buffer>();
  private readonly manifests = new Map<string, Buffer>();
  /** Paths of manifests that were asked for. */
  readonly asked: string[] = [];

  constructor() {
    this.server = createServer((ask, answer) => {
      const [, kind = '', name = ''] = /\/(manifests|blobs)\/([^/]+)$/.exec(ask.url ?? '') ?? [];
      const found = kind === 'manifests' ? this.manifests.get(name) : this.blobs.get(name);
      if (kind === 'manifests') this.asked.push(name);
      if (ask.url === '/v2/') return void answer.end('{}');
      if (found === undefined) {
        answer.writeHead(404, { 'content-type': 'application/json' });
        return void answer.end('{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}');
      }
      answer.writeHead(200, {
        'content-type': kind === 'manifests' ? MANIFEST : 'application/octet-stream',
        'content-length': found.byteLength,
        'docker-content-digest': digestOf(found),
      });
      answer.end(ask.method === 'HEAD' ? undefined : found);
    });
  }

  async start(): Promise<void> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  /** `127.0.0.1:port/zf-test/tools`. */
  get repository(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}/zf-test/tools`;
  }

  /** Puts an image that holds one file with `content` under `tag`; returns the digest of its manifest. */
  publish(tag: string, content: string): string {
    const tar = tarOf(content);
    const layer = gzipSync(tar);
    const config = Buffer.from(
      JSON.stringify({
        architecture: ARCHITECTURE,
        os: 'linux',
        config: { Cmd: ['/content'] },
        rootfs: { type: 'layers', diff_ids: [digestOf(tar)] },
      }),
    );
    const blob = (mediaType: string, bytes: Buffer) => {
      this.blobs.set(digestOf(bytes), bytes);
      return { mediaType, size: bytes.byteLength, digest: digestOf(bytes) };
    };
    const parts = { config: blob(CONFIG, config), layers: [blob(LAYER, layer)] };
    const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST, ...parts }));
    this.manifests.set(tag, manifest);
    this.manifests.set(digestOf(manifest), manifest);
    return digestOf(manifest);
  }
}

const tarOf = (content: string): Buffer => {
  const folder = mkdtempSync(join(tmpdir(), 'zf-layer-'));
  try {
    writeFileSync(join(folder, 'content'), content);
    return execFileSync('tar', ['--numeric-owner', '-C', folder, '-c', 'content']);
  } finally {
    rmSync(folder, { recursive: true });
  }
};
