/**
 * Web servers at many addresses, each of which says where it is and notes who came: those that a job may reach, and those that
 * stand where none may get to.
 */
import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http';

/** What `/big` sends, in bytes: more than a job of these tests may receive. */
const BIG_BYTES = 4 * 1024 * 1024;

/** Who came, and for what. */
export interface Guests {
  /** Where somebody came, `address:port`, one for each connection. */
  readonly visits: readonly string[];
  /** What was asked for, `host path`, one for each request. */
  readonly requests: readonly string[];
}

export class Listeners implements Guests {
  readonly visits: string[] = [];
  readonly requests: string[] = [];

  /** Listens at each `address:port`. */
  async listen(places: readonly string[]): Promise<void> {
    for (const place of places) {
      const [address = '', port = ''] = place.split(':');
      const server = createServer((request, response) => this.answer(place, request, response));
      server.on('connection', () => void this.visits.push(place));
      server.listen(Number(port), address);
      await once(server, 'listening');
    }
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

/** Visits a place, with one connection and one request. Gives what it says. */
export const visit = async (place: string): Promise<string> => {
  const [response] = (await once(get(`http://${place}/`, { agent: false }), 'response')) as [IncomingMessage];
  let text = '';
  for await (const piece of response.setEncoding('utf8')) text += String(piece);
  return text;
};
