/** The tenant API as a plain HTTP client on kept connections calls it: what is measured is the fleet, not a client. */
import { Agent, request } from 'node:http';
import { FINAL_STAGES, type JobView, type Submit } from '@zerofleet/protocol';

const WAIT_S = 30;
const TIMEOUT_MS = 40_000;
/** The client's own kept connections; an answer that takes long must not hold up another. */
const CONNECTIONS_MAX = 256;

export class Api {
  readonly url: string;
  private readonly agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS_MAX });

  constructor(url: string) {
    this.url = url;
  }

  /** The job once it succeeded. Throws when it did not, or not within two waits: no job takes that long. */
  async outcome(apiKey: string, submit: Submit): Promise<JobView> {
    let job = await this.call('POST', `/v1/jobs?wait=${WAIT_S}s`, apiKey, submit);
    if (!FINAL_STAGES.has(job.stage))
      job = await this.call('GET', `/v1/jobs/${job.id}?wait=${WAIT_S}s`, apiKey);
    if (job.stage !== 'succeeded')
      throw new Error(`job ${job.id} is ${job.stage}: ${job.error?.message ?? 'no error'}`);
    return job;
  }

  close(): void {
    this.agent.destroy();
  }

  private call(method: 'GET' | 'POST', path: string, apiKey: string, body?: Submit): Promise<JobView> {
    return new Promise((resolve, reject) => {
      const text = body === undefined ? '' : JSON.stringify(body);
      const headers = {
        authorization: `Bearer ${apiKey}`,
        ...(body === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
      };
      const call = request(
        this.url + path,
        { method, agent: this.agent, timeout: TIMEOUT_MS, headers },
        (answer) => {
          const pieces: Buffer[] = [];
          answer.on('data', (piece: Buffer) => pieces.push(piece));
          answer.on('error', reject);
          answer.on('end', () => {
            const said = Buffer.concat(pieces).toString('utf8');
            const status = answer.statusCode ?? 0;
            if (status >= 300) reject(new Error(`the API answered ${status}: ${said.slice(0, 300)}`));
            else resolve(JSON.parse(said) as JobView);
          });
        },
      );
      call.on('timeout', () => call.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)));
      call.on('error', reject);
      call.end(text);
    });
  }
}
