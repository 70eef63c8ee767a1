/** A coordinator of either release, as a child process on a lab's servers. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fixedPort, Part, type Lab, type Session } from '@zerofleet/launch';

const READY_MS = 60_000;
/** One that ended by itself is started again after this, in ms. */
const AGAIN_MS = 200;
const ANSWER_MS = 1_000;

export class Coordinator {
  readonly name: string;
  readonly part: Part;
  readonly apiUrl: string;
  private readonly adminUrl: string;

  private constructor(name: string, ports: { readonly api: number; readonly admin: number }, part: Part) {
    this.name = name;
    this.part = part;
    this.apiUrl = urlOf(ports.api);
    this.adminUrl = urlOf(ports.admin);
  }

  /** Plans one that runs what is built below `root`; it goes with the session. */
  static async plan(session: Session, lab: Lab, name: string, root: string): Promise<Coordinator> {
    const ports = { api: await fixedPort(), admin: await fixedPort() };
    const spec = {
      name,
      command: process.execPath,
      args: [join(root, 'packages', 'coordinator', 'dist', 'main.js')],
      env: { ...envOf(lab, root, ports), ZF_LAUNCH_ID: session.launchId },
      logFile: join(lab.folder, 'logs', `${name}.log`),
      ready: () => answersOk(`${urlOf(ports.admin)}/readyz`),
      readyMs: READY_MS,
      againMs: AGAIN_MS,
    };
    const part = new Part(spec, () => undefined);
    session.atEnd(name, () => part.stop());
    return new Coordinator(name, ports, part);
  }

  /** Whether it says that it leads. */
  async leads(): Promise<boolean> {
    try {
      const answer = await fetch(`${this.adminUrl}/readyz`, { signal: AbortSignal.timeout(ANSWER_MS) });
      const body = (await answer.json()) as { readonly details?: { readonly leading?: unknown } };
      return body.details?.leading === true;
    } catch {
      return false;
    }
  }

  /** All that it logged. */
  log(): string {
    return readFileSync(this.part.logFile, 'utf8');
  }
}

const urlOf = (port: number): string => `http://127.0.0.1:${port}`;

const envOf = (
  { nats, redis, folder }: Lab,
  root: string,
  { api, admin }: { readonly api: number; readonly admin: number },
): NodeJS.ProcessEnv => ({
  PATH: process.env['PATH'],
  HOME: process.env['HOME'],
  ZF_NATS_URL: nats.urls[0],
  ZF_NATS_USER: nats.user,
  ZF_NATS_PASSWORD_FILE: nats.passwordFile,
  ZF_NATS_MONITOR_URL: nats.monitorUrls[0],
  ZF_REDIS_URL: redis?.url,
  ZF_REDIS_PASSWORD_FILE: redis?.passwordFile,
  ZF_API_HOST: '127.0.0.1',
  ZF_API_PORT: String(api),
  ZF_ADMIN_HOST: '127.0.0.1',
  ZF_ADMIN_PORT: String(admin),
  ZF_TENANTS_FILE: join(folder, 'tenants.json'),
  ZF_TOOLS_DIR: join(root, 'images', 'tools', 'definitions'),
  ZF_IMAGE_TOOLS: 'tools',
});

const answersOk = async (url: string): Promise<boolean> => {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS) })).ok;
  } catch {
    return false;
  }
};
