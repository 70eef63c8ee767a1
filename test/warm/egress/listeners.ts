/**
 * Web servers at many addresses, each of which says where it is and notes who came: those that a job may reach, and those that
 * stand where none may get to.
 */
import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http';

/** What `/big` sends, in bytes: more than a job of these tests may receive. */
export const BIG_BYTES = 4 * 1024 * 1024;

export class Listeners {
  /** Where somebody came, `address:port`, one for each connection. */
  readonly visits: string[] = [];
  /** What was asked for, `host path`, one for each request. */
  readonly requests: string[] = [];

  /** Listens at `address:port`. */
  async listen(place: string): Promise<void> {
    const [address = '', port = ''] = place.split(':');
    const server = createServer((request, response) => this.answer(place, request, response));
    server.on('connection', () => void this.visits.push(place));
    server.listen(Number(port), address);
    await once(server, 'listening');
  }

  /** Whether a visitor of this machine's gets an answer there, which leaves no trace. */
  async answers(place: string): Promise<boolean> {
    const came = this.visits.length;
    const [response] = (await once(get(`http://${place}/`, { agent: false }), 'response')) as [
      IncomingMessage,
    ];
    response.resume();
    await once(response, 'end');
    this.requests.pop();
    return this.visits.splice(came).includes(place);
  }

  private answer(place: string, request: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://here');
    this.requests.push(`${request.headers.host ?? ''} ${pathname}`);
    const to = searchParams.get('to');
    if (to !== null) response.writeHead(302, { location: to }).end();
    else if (pathname === '/big') response.end(Buffer.alloc(BIG_BYTES));
    else response.end(`hello from ${place}`);
  }
}
