/** A well-behaved caller of the broker, and what hostile calls are aimed at. */
import { request } from 'node:http';
import type { Duplex } from 'node:stream';

/** Whose calls they are, and where they go. */
export interface Caller {
  readonly socketPath: string;
  readonly token: string;
  readonly image: string;
  readonly worker: string;
  readonly boot: string;
}

/** What hostile calls are aimed at. */
export interface Ground extends Caller {
  /** A boot of the same worker that a newer one replaced. */
  readonly deadBoot: string;
  /** The caller's own container, attached. */
  readonly attached: string;
  /** Of another worker of this broker. */
  readonly foreign: string;
  /** Of another broker. */
  readonly elsewhere: string;
  /** Of nobody here: an ordinary container of the engine. */
  readonly ordinary: string;
  /** The id of the listed image, of which there are containers; and of one that is in no repository of the list. */
  readonly imageInUse: string;
  readonly imageOfOthers: string;
  /** The caller's own, ended before. */
  readonly ended: string;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly socket?: Duplex;
}

/** What a pool of tests asks for, of `image`. */
export const poolOf = (image: string) => ({
  image,
  runtime: 'runc',
  resources: { cpuMilli: 1_000, memoryMiB: 256, pids: 128, workMiB: 64, tmpMiB: 64 },
});

/** One call, on a connection of its own. */
export const call = (
  { socketPath, token, worker, boot }: Caller,
  method: string,
  path: string,
  body?: object,
  more: Readonly<Record<string, string>> = {},
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const type = body === undefined ? {} : { 'content-type': 'application/json' };
    const own = { authorization: `Bearer ${token}`, 'zf-worker': worker, 'zf-boot': boot };
    const headers = { ...own, ...type, ...more };
    const outgoing = request({ socketPath, agent: false, method, path, headers });
    outgoing.on('error', reject);
    outgoing.on('upgrade', (answer, socket, head) => {
      socket.unshift(head);
      socket.on('error', () => socket.destroy());
      resolve({ status: answer.statusCode ?? 0, body: '', socket });
    });
    outgoing.on('response', (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (piece: string) => (text += piece));
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: text }));
    });
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  });

const expectStatus = (answer: Answer, status: number): Answer => {
  if (answer.status === status) return answer;
  throw new Error(`the broker answered ${answer.status} ${answer.body}, not ${status}`);
};

/** What a worker does, as that caller. Everything throws when the broker refuses. */
export const callWith = (caller: Caller) => {
  const create = async (pool: object = poolOf(caller.image)): Promise<string> => {
    const { body } = expectStatus(await call(caller, 'POST', '/v1/containers', { pool }), 201);
    return (JSON.parse(body) as { id: string }).id;
  };
  const attach = async (id: string): Promise<Duplex> => {
    const upgrade = { connection: 'Upgrade', upgrade: 'zf-attach' };
    const { socket } = expectStatus(
      await call(caller, 'GET', `/v1/containers/${id}/attach`, undefined, upgrade),
      101,
    );
    return socket as Duplex;
  };
  return {
    create,
    attach,
    attached: async (): Promise<{ id: string; stream: Duplex }> => {
      const id = await create();
      return { id, stream: await attach(id) };
    },
    list: async (): Promise<string[]> => {
      const { body } = expectStatus(await call(caller, 'GET', '/v1/containers'), 200);
      return (JSON.parse(body) as { containers: { id: string }[] }).containers.map(({ id }) => id);
    },
    end: async (id: string): Promise<void> => {
      expectStatus(await call(caller, 'DELETE', `/v1/containers/${id}`), 204);
    },
  };
};
